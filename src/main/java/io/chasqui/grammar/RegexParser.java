package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.List;

/**
 * Reads regular expressions in ECMAScript's syntax, as JSON Schema has them: no back-references, no
 * word boundaries, look-ahead only at the beginning.
 */
final class RegexParser {
    private static final int MAX_COUNT = 100_000;

    private final String source;
    private final CompileBudget budget;
    private int at;
    private int depth;

    private RegexParser(String source, CompileBudget budget) {
        this.source = source;
        this.budget = budget;
    }

    /**
     * @throws GrammarException if it is malformed or uses what no automaton can do; the message
     *     says where
     */
    static Pattern parse(String source, CompileBudget budget) {
        return new RegexParser(source, budget).pattern();
    }

    /** A regular expression of ours, known to have no anchors or look-ahead. */
    static Expression plain(String source) {
        return parse(source, new CompileBudget(GrammarLimits.DEFAULT)).wholeText();
    }

    private Pattern pattern() {
        var lookaheads = new ArrayList<Pattern.Lookahead>();
        int begin = at;
        take("^");
        while (startsWith("(?=") || startsWith("(?!")) {
            boolean positive = startsWith("(?=");
            at += 3;
            var body = alternatives();
            expect(')');
            lookaheads.add(new Pattern.Lookahead(body, positive));
        }
        if (lookaheads.isEmpty()) {
            at = begin;
        }
        boolean anchored = !lookaheads.isEmpty() && source.startsWith("^");
        var main = alternatives();
        if (at < source.length()) {
            throw error("unmatched )");
        }
        if (lookaheads.isEmpty()) {
            return new Pattern(main, List.of());
        }
        if (!anchored || topLevelBar(begin)) {
            throw error("look-ahead is supported at the beginning only, after ^");
        }
        return new Pattern(Anchored.START.then(main), lookaheads);
    }

    private boolean topLevelBar(int from) {
        int level = 0;
        boolean inClass = false;
        for (int i = from; i < source.length(); i++) {
            char c = source.charAt(i);
            if (c == '\\') {
                i++;
            } else if (inClass) {
                inClass = c != ']';
            } else if (c == '[') {
                inClass = true;
            } else if (c == '(') {
                level++;
            } else if (c == ')') {
                level--;
            } else if (c == '|' && level == 0) {
                return true;
            }
        }
        return false;
    }

    private Anchored alternatives() {
        budget.checkNesting(++depth, "the regular expression");
        var parts = new ArrayList<Anchored>();
        parts.add(sequence());
        while (take("|")) {
            parts.add(sequence());
        }
        depth--;
        return Anchored.choice(parts);
    }

    private Anchored sequence() {
        var parts = new ArrayList<Anchored>();
        while (at < source.length() && peek() != '|' && peek() != ')') {
            budget.work(1);
            parts.add(quantified());
        }
        return Anchored.sequence(parts);
    }

    private Anchored quantified() {
        int begin = at;
        var atom = atom();
        int min;
        int max = Expression.Repeat.UNBOUNDED;
        if (take("*")) {
            min = 0;
        } else if (take("+")) {
            min = 1;
        } else if (take("?")) {
            min = 0;
            max = 1;
        } else if (at < source.length() && peek() == '{' && startsCount()) {
            at++;
            min = number();
            max = min;
            if (take(",")) {
                max = peekIs('}') ? Expression.Repeat.UNBOUNDED : number();
            }
            expect('}');
            if (max < min) {
                throw error("numbers out of order in {}");
            }
        } else {
            return atom;
        }
        take("?");
        boolean counted = peekIs('{') && startsCount();
        if (counted || at < source.length() && "*+?".indexOf(peek()) >= 0) {
            throw error("nothing to repeat");
        }
        if (!atom.isPlain() && max > 1) {
            throw new GrammarException(
                    "the regular expression repeats an anchor at position " + begin);
        }
        return atom.repeat(min, max);
    }

    private boolean startsCount() {
        return at + 1 < source.length() && Character.digit(source.charAt(at + 1), 10) >= 0;
    }

    private int number() {
        int begin = at;
        int value = 0;
        while (at < source.length() && source.charAt(at) >= '0' && source.charAt(at) <= '9') {
            value = value * 10 + source.charAt(at++) - '0';
            if (value > MAX_COUNT) {
                throw error("a repetition count above " + MAX_COUNT);
            }
        }
        if (begin == at) {
            throw error("a number is missing");
        }
        return value;
    }

    private Anchored atom() {
        int c = next();
        switch (c) {
            case '(':
                return group();
            case '[':
                return Anchored.of(new Expression.Chars(characterClass()));
            case '.':
                return Anchored.of(new Expression.Chars(CharacterClasses.DOT));
            case '^':
                return Anchored.START;
            case '$':
                return Anchored.END;
            case '\\':
                return Anchored.of(new Expression.Chars(escape(false)));
            case '*', '+', '?':
                at--;
                throw error("nothing to repeat");
            default:
                return Anchored.of(new Expression.Chars(literal(c)));
        }
    }

    private CharSet literal(int c) {
        if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
            throw error("half a surrogate pair");
        }
        return CharSet.of(c);
    }

    private Anchored group() {
        if (take("?")) {
            if (take("<") && !peekIs('=') && !peekIs('!')) {
                int close = source.indexOf('>', at);
                if (close < 0) {
                    throw error("a group's name does not end");
                }
                at = close + 1;
            } else if (!take(":")) {
                throw error("look-around other than at the beginning, or an inline flag");
            }
        }
        var body = alternatives();
        expect(')');
        return body;
    }

    private CharSet escape(boolean inClass) {
        if (at >= source.length()) {
            throw error("an escape is cut off");
        }
        int c = next();
        return switch (c) {
            case 'd' -> CharacterClasses.DIGIT;
            case 'D' -> CharacterClasses.DIGIT.not();
            case 'w' -> CharacterClasses.WORD;
            case 'W' -> CharacterClasses.WORD.not();
            case 's' -> CharacterClasses.SPACE;
            case 'S' -> CharacterClasses.SPACE.not();
            case 'p', 'P' -> property(c == 'P');
            case 't' -> CharSet.of('\t');
            case 'n' -> CharSet.of('\n');
            case 'v' -> CharSet.of(0x0b);
            case 'f' -> CharSet.of('\f');
            case 'r' -> CharSet.of('\r');
            case 'c' -> control();
            case 'x' -> CharSet.of(hex(2));
            case 'u' -> unicode();
            case '0' -> CharSet.of(0);
            case 'b' -> {
                if (!inClass) {
                    throw error("a word boundary");
                }
                yield CharSet.of('\b');
            }
            default -> {
                if (c >= '1' && c <= '9' || c == 'k') {
                    throw error("a back-reference");
                }
                if (Character.isLetter(c)) {
                    throw error("unknown escape \\" + Character.toString(c));
                }
                yield literal(c);
            }
        };
    }

    private CharSet control() {
        int c = at < source.length() ? next() : 0;
        if (!(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')) {
            throw error("\\c without a letter");
        }
        return CharSet.of(c & 0x1f);
    }

    private CharSet unicode() {
        if (take("{")) {
            int close = source.indexOf('}', at);
            if (close < 0 || close == at || close - at > 6) {
                throw error("\\u{} without a code point");
            }
            int value = hex(close - at);
            at++;
            if (value > Character.MAX_CODE_POINT) {
                throw error("\\u{} beyond Unicode");
            }
            return literal(value);
        }
        int first = hex(4);
        if (Character.isHighSurrogate((char) first) && startsWith("\\u")) {
            at += 2;
            int second = hex(4);
            if (Character.isLowSurrogate((char) second)) {
                return CharSet.of(Character.toCodePoint((char) first, (char) second));
            }
            throw error("half a surrogate pair");
        }
        return literal(first);
    }

    private int hex(int digits) {
        int value = 0;
        for (int i = 0; i < digits; i++) {
            int digit = at < source.length() ? Character.digit(source.charAt(at++), 16) : -1;
            if (digit < 0) {
                throw error("a hexadecimal digit is missing");
            }
            value = value * 16 + digit;
        }
        return value;
    }

    private CharSet property(boolean negated) {
        if (!take("{")) {
            throw error("\\p without {}");
        }
        int close = source.indexOf('}', at);
        if (close < 0) {
            throw error("\\p without }");
        }
        var name = source.substring(at, close);
        var set = CharacterClasses.category(name);
        if (set == null) {
            throw error("unknown character category " + name);
        }
        at = close + 1;
        return negated ? set.not() : set;
    }

    private CharSet characterClass() {
        boolean negated = take("^");
        var set = CharSet.NONE;
        while (!peekIs(']')) {
            if (at >= source.length()) {
                throw error("a character class does not end");
            }
            budget.work(8 + set.ranges());
            var first = classAtom();
            if (peekIs('-') && at + 1 < source.length() && source.charAt(at + 1) != ']') {
                at++;
                var last = classAtom();
                set = set.or(range(first, last));
            } else {
                set = set.or(first);
            }
        }
        at++;
        return negated ? set.not() : set;
    }

    private CharSet range(CharSet first, CharSet last) {
        if (!isOne(first) || !isOne(last)) {
            return first.or(last).or(CharSet.of('-'));
        }
        if (first.first(0) > last.first(0)) {
            throw error("a range out of order in []");
        }
        return CharSet.range(first.first(0), last.first(0));
    }

    private static boolean isOne(CharSet set) {
        return set.ranges() == 1 && set.first(0) == set.last(0);
    }

    private CharSet classAtom() {
        int c = next();
        return c == '\\' ? escape(true) : literal(c);
    }

    private int next() {
        int c = source.codePointAt(at);
        at += Character.charCount(c);
        return c;
    }

    private char peek() {
        return source.charAt(at);
    }

    private boolean peekIs(char c) {
        return at < source.length() && peek() == c;
    }

    private boolean startsWith(String text) {
        return source.startsWith(text, at);
    }

    private boolean take(String text) {
        if (!startsWith(text)) {
            return false;
        }
        at += text.length();
        return true;
    }

    private void expect(char c) {
        if (!peekIs(c)) {
            throw error("missing " + c);
        }
        at++;
    }

    private GrammarException error(String what) {
        return new GrammarException("regular expression, position " + at + ": " + what);
    }
}
