package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads grammars in llama.cpp's GBNF syntax; its token references are not supported. */
final class GbnfParser {
    private static final int MAX_COUNT = 100_000;

    /** Repetitions of repetitions; each nests the expression deeper. */
    private static final int MAX_REPETITIONS = 8;

    private final String source;
    private final CompileBudget budget;
    private final Map<String, Rule> rules = new LinkedHashMap<>();
    private final Map<String, Expression> bodies = new LinkedHashMap<>();
    private int at;
    private int depth;

    private GbnfParser(String source, CompileBudget budget) {
        this.source = source;
        this.budget = budget;
    }

    /**
     * The rule {@code root}, with all that it refers to defined.
     *
     * @throws GrammarException if the grammar is malformed or incomplete; the message says where
     */
    static Rule parse(String source, CompileBudget budget) {
        return new GbnfParser(source, budget).grammar();
    }

    private Rule grammar() {
        skipSpace(true);
        while (at < source.length()) {
            definition();
            skipSpace(true);
        }
        if (!bodies.containsKey("root")) {
            throw error("there is no rule named root");
        }
        for (var rule : rules.entrySet()) {
            var body = bodies.get(rule.getKey());
            if (body == null) {
                throw new GrammarException("grammar: rule " + rule.getKey() + " is not defined");
            }
            var nfa = new Nfa(budget);
            body.addTo(nfa, TextEncoding.UTF_8, nfa.start, nfa.end);
            Determinizer.define(rule.getValue(), nfa);
        }
        return rules.get("root");
    }

    private Rule rule(String name) {
        return rules.computeIfAbsent(name, n -> new Rule("rule " + n));
    }

    private void definition() {
        var name = name();
        skipSpace(false);
        if (!source.startsWith("::=", at)) {
            throw error("expected ::= after " + name);
        }
        at += 3;
        skipSpace(true);
        rule(name);
        if (bodies.put(name, alternatives(false)) != null) {
            throw error("rule " + name + " is defined twice");
        }
        if (at < source.length() && peek() != '\n' && peek() != '\r') {
            throw error("expected the end of the line");
        }
    }

    private String name() {
        int begin = at;
        while (at < source.length() && isNameCharacter(peek())) {
            at++;
        }
        if (begin == at) {
            throw error("expected a rule's name");
        }
        return source.substring(begin, at);
    }

    private static boolean isNameCharacter(char c) {
        return c >= 'a' && c <= 'z'
                || c >= 'A' && c <= 'Z'
                || c >= '0' && c <= '9'
                || c == '-'
                || c == '_';
    }

    /**
     * @param nested whether within parentheses, where lines may end
     */
    private Expression alternatives(boolean nested) {
        budget.checkNesting(++depth, "the grammar");
        var alternatives = new ArrayList<Expression>();
        alternatives.add(sequence(nested));
        while (at < source.length() && peek() == '|') {
            at++;
            skipSpace(true);
            alternatives.add(sequence(nested));
        }
        depth--;
        return alternatives.size() == 1
                ? alternatives.getFirst()
                : new Expression.Choice(alternatives);
    }

    private Expression sequence(boolean nested) {
        var parts = new ArrayList<Expression>();
        while (at < source.length() && "|)\n\r".indexOf(peek()) < 0) {
            budget.work(1);
            var part = item();
            skipSpace(nested);
            int repetitions = 0;
            while (at < source.length() && "*+?{".indexOf(peek()) >= 0) {
                if (++repetitions > MAX_REPETITIONS) {
                    throw error("more than " + MAX_REPETITIONS + " repetitions in a row");
                }
                part = repeated(part);
                skipSpace(nested);
            }
            parts.add(part);
        }
        return parts.size() == 1 ? parts.getFirst() : new Expression.Sequence(parts);
    }

    private Expression item() {
        char c = peek();
        if (isNameCharacter(c)) {
            return new Expression.Reference(rule(name()));
        }
        at++;
        return switch (c) {
            case '"' -> literal();
            case '[' -> new Expression.Chars(characterClass());
            case '.' -> new Expression.Chars(CharSet.ALL);
            case '(' -> {
                skipSpace(true);
                var body = alternatives(true);
                if (at >= source.length() || peek() != ')') {
                    throw error("missing )");
                }
                at++;
                yield body;
            }
            default -> throw error("unexpected character " + c);
        };
    }

    private Expression repeated(Expression body) {
        char c = peek();
        at++;
        return switch (c) {
            case '*' -> new Expression.Repeat(body, 0, Expression.Repeat.UNBOUNDED);
            case '+' -> new Expression.Repeat(body, 1, Expression.Repeat.UNBOUNDED);
            case '?' -> new Expression.Repeat(body, 0, 1);
            default -> counted(body);
        };
    }

    private Expression counted(Expression body) {
        skipSpace(false);
        int min = at < source.length() && peek() == ',' ? 0 : number();
        int max = min;
        skipSpace(false);
        if (at < source.length() && peek() == ',') {
            at++;
            skipSpace(false);
            boolean open = at < source.length() && peek() == '}';
            max = open ? Expression.Repeat.UNBOUNDED : number();
        }
        skipSpace(false);
        if (at >= source.length() || peek() != '}' || max < min) {
            throw error("malformed repetition count");
        }
        at++;
        return new Expression.Repeat(body, min, max);
    }

    private int number() {
        int begin = at;
        int value = 0;
        while (at < source.length() && peek() >= '0' && peek() <= '9') {
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

    private Expression literal() {
        var characters = new ArrayList<Expression>();
        while (true) {
            if (at >= source.length()) {
                throw error("a literal does not end");
            }
            if (peek() == '"') {
                at++;
                return new Expression.Sequence(List.copyOf(characters));
            }
            characters.add(new Expression.Chars(CharSet.of(character())));
        }
    }

    private CharSet characterClass() {
        boolean negated = at < source.length() && peek() == '^';
        at += negated ? 1 : 0;
        var pairs = new IntList();
        while (at < source.length() && peek() != ']') {
            int first = character();
            int last = first;
            boolean range =
                    at + 1 < source.length() && peek() == '-' && source.charAt(at + 1) != ']';
            if (range) {
                at++;
                last = character();
            }
            if (last < first) {
                throw error("a range out of order in []");
            }
            pairs.add(first);
            pairs.add(last);
        }
        if (at >= source.length()) {
            throw error("a character class does not end");
        }
        at++;
        var set = CharSet.ofRanges(pairs.toArray());
        return negated ? set.not() : set;
    }

    private int character() {
        int c = source.codePointAt(at);
        at += Character.charCount(c);
        if (c != '\\') {
            return checked(c);
        }
        if (at >= source.length()) {
            throw error("an escape is cut off");
        }
        char escape = source.charAt(at++);
        return switch (escape) {
            case 'x' -> hex(2);
            case 'u' -> hex(4);
            case 'U' -> hex(8);
            case 't' -> '\t';
            case 'r' -> '\r';
            case 'n' -> '\n';
            case '\\', '"', '[', ']', '-', '^' -> escape;
            default -> throw error("unknown escape \\" + escape);
        };
    }

    private int hex(int digits) {
        long value = 0;
        for (int i = 0; i < digits; i++) {
            int digit = at < source.length() ? Character.digit(source.charAt(at++), 16) : -1;
            if (digit < 0) {
                throw error("a hexadecimal digit is missing");
            }
            value = value * 16 + digit;
        }
        return checked((int) Math.min(value, Integer.MAX_VALUE));
    }

    private int checked(int character) {
        boolean surrogate =
                character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE;
        if (surrogate || character > Character.MAX_CODE_POINT) {
            throw error("not a Unicode character");
        }
        return character;
    }

    private char peek() {
        return source.charAt(at);
    }

    private void skipSpace(boolean newLines) {
        while (at < source.length()) {
            char c = peek();
            if (c == '#') {
                int end = source.indexOf('\n', at);
                at = end < 0 ? source.length() : end;
            } else if (c == ' ' || c == '\t' || newLines && (c == '\n' || c == '\r')) {
                at++;
            } else {
                return;
            }
        }
    }

    private GrammarException error(String what) {
        int line =
                1
                        + (int)
                                source.substring(0, Math.min(at, source.length()))
                                        .chars()
                                        .filter(c -> c == '\n')
                                        .count();
        return new GrammarException("grammar, line " + line + ": " + what);
    }
}
