package io.chasqui.grammar;

import java.math.BigDecimal;
import java.util.HashMap;
import java.util.Map;

/** Sets of numbers in plain decimal notation, by size and divisibility. */
final class Decimals {
    private static final String PLAIN = "-?(0|[1-9][0-9]{0,39})(\\.[0-9]{1,20})?";

    /** Bounds with more digits than this are as good as infinite, or zero. */
    private static final int MAX_DIGITS = 300;

    /** Residues beyond this would make an automaton too large. */
    private static final int MAX_DIVISOR = 10_000;

    private final CompileBudget budget;

    Decimals(CompileBudget budget) {
        this.budget = budget;
    }

    /** All numbers, or all whole numbers, less "-0". */
    Language all(boolean whole) {
        var syntax = RegexParser.plain(whole ? JsonRules.INTEGER_SYNTAX : PLAIN);
        var minusZero = RegexParser.plain("-0(\\.0+)?");
        return Language.of(syntax, TextEncoding.UTF_8, budget)
                .without(Language.of(minusZero, TextEncoding.UTF_8, budget));
    }

    /** Those of at least, or more than, {@code bound}. */
    Language atLeast(BigDecimal bound, boolean exclusive) {
        var nfa = new Nfa(budget);
        if (bound.signum() >= 0) {
            compare(nfa, nfa.start, bound, 1, !exclusive, nfa.end);
        } else {
            compare(nfa, nfa.start, BigDecimal.ZERO, 1, true, nfa.end);
            compare(nfa, negative(nfa), bound.negate(), -1, !exclusive, nfa.end);
        }
        return Language.of(nfa);
    }

    /** Those of at most, or less than, {@code bound}. */
    Language atMost(BigDecimal bound, boolean exclusive) {
        var nfa = new Nfa(budget);
        if (bound.signum() >= 0) {
            compare(nfa, nfa.start, bound, -1, !exclusive, nfa.end);
            compare(nfa, negative(nfa), BigDecimal.ZERO, 1, true, nfa.end);
        } else {
            compare(nfa, negative(nfa), bound.negate(), 1, !exclusive, nfa.end);
        }
        return Language.of(nfa);
    }

    private static int negative(Nfa nfa) {
        int minus = nfa.state();
        nfa.bytes(nfa.start, '-', '-', minus);
        return minus;
    }

    /** Whether an automaton of bounded size can tell multiples of this. */
    static boolean canDivideBy(BigDecimal divisor) {
        var plain = divisor.stripTrailingZeros();
        return plain.signum() > 0
                && plain.scale() <= 20
                && plain.precision() + Math.max(0, -plain.scale()) <= 9
                && plain.movePointRight(Math.max(0, plain.scale())).intValueExact() <= MAX_DIVISOR;
    }

    /** Multiples of a number that {@link #canDivideBy} allows, with no needless digits. */
    Language multiplesOf(BigDecimal divisor) {
        var plain = divisor.stripTrailingZeros();
        int places = Math.max(0, plain.scale());
        return new Multiples(plain.movePointRight(places).intValueExact(), places).build();
    }

    /**
     * Digits, perhaps a point and more digits, whose value compares to a bound that is not negative
     * as {@code sign} says. Leading zeros are for another automaton to refuse.
     */
    private void compare(Nfa nfa, int from, BigDecimal bound, int sign, boolean orEqual, int to) {
        var plain = bound.stripTrailingZeros();
        if (plain.precision() + Math.abs((long) plain.scale()) > MAX_DIGITS) {
            boolean huge = plain.precision() - (long) plain.scale() > 0;
            plain = huge ? BigDecimal.TEN.pow(MAX_DIGITS) : BigDecimal.ZERO;
        }
        new Comparison(nfa, plain, sign, orEqual, to).add(from);
    }

    private final class Comparison {
        private final Nfa nfa;
        private final String whole;
        private final String fraction;
        private final int sign;
        private final boolean orEqual;
        private final int to;

        /** Per outcome -1, 0, 1 of the comparison so far: only more fraction digits may come. */
        private final int[] fractionOf = new int[3];

        Comparison(Nfa nfa, BigDecimal bound, int sign, boolean orEqual, int to) {
            this.nfa = nfa;
            var digits = bound.toPlainString();
            int point = digits.indexOf('.');
            this.whole = point < 0 ? digits : digits.substring(0, point);
            this.fraction = point < 0 ? "" : digits.substring(point + 1);
            this.sign = sign;
            this.orEqual = orEqual;
            this.to = to;
        }

        void add(int from) {
            fractionOf[0] = decided(-1);
            fractionOf[2] = decided(1);
            fractionOf[1] = undecided();
            int[] current = {-1, from, -1};
            for (int i = 0; i < whole.length(); i++) {
                int[] next = {nfa.state(), nfa.state(), nfa.state()};
                digits(current[0], '0', '9', next[0]);
                digits(current[2], '0', '9', next[2]);
                int digit = whole.charAt(i);
                digits(current[1], '0', digit - 1, next[0]);
                digits(current[1], digit, digit, next[1]);
                digits(current[1], digit + 1, '9', next[2]);
                boolean full = i == whole.length() - 1;
                for (int outcome = -1; outcome <= 1; outcome++) {
                    endWhole(next[outcome + 1], full ? outcome : -1);
                }
                current = next;
            }
            int longer = nfa.state();
            for (int state : current) {
                digits(state, '0', '9', longer);
            }
            digits(longer, '0', '9', longer);
            endWhole(longer, 1);
        }

        private void digits(int from, int low, int high, int target) {
            if (from >= 0 && low <= high) {
                nfa.bytes(from, low, high, target);
            }
        }

        /** The whole part may end here, with this outcome; equal means so far. */
        private void endWhole(int state, int outcome) {
            boolean lessByFraction = outcome == 0 && !fraction.isEmpty();
            accept(state, lessByFraction ? -1 : outcome);
            nfa.bytes(state, '.', '.', fractionOf[outcome + 1]);
        }

        private void accept(int state, int outcome) {
            if (outcome == sign || outcome == 0 && orEqual) {
                nfa.epsilon(state, to);
            }
        }

        private int decided(int outcome) {
            int state = nfa.state();
            nfa.bytes(state, '0', '9', state);
            accept(state, outcome);
            return state;
        }

        private int undecided() {
            int[] states = new int[fraction.length() + 1];
            for (int i = 0; i < states.length; i++) {
                states[i] = nfa.state();
            }
            for (int i = 0; i < fraction.length(); i++) {
                int digit = fraction.charAt(i);
                digits(states[i], '0', digit - 1, fractionOf[0]);
                digits(states[i], digit, digit, states[i + 1]);
                digits(states[i], digit + 1, '9', fractionOf[2]);
                accept(states[i], -1);
            }
            int last = states[fraction.length()];
            digits(last, '0', '0', last);
            digits(last, '1', '9', fractionOf[2]);
            accept(last, 0);
            return states[0];
        }
    }

    /** Remainders of what was read so far. */
    private final class Multiples {
        private final int divisor;
        private final int places;
        private final Nfa nfa = new Nfa(budget);
        private final Map<Integer, Integer> states = new HashMap<>();

        Multiples(int divisor, int places) {
            this.divisor = divisor;
            this.places = places;
        }

        Language build() {
            int minus = negative(nfa);
            nfa.epsilon(nfa.start, state(0, 0));
            nfa.epsilon(minus, state(0, 0));
            for (int place = 0; place <= places; place++) {
                for (int rest = 0; rest < divisor; rest++) {
                    addDigits(place, rest);
                }
            }
            return Language.of(nfa);
        }

        /**
         * @param place digits after the point so far; with the point itself counted as none
         */
        private int state(int place, int rest) {
            return states.computeIfAbsent(place * divisor + rest, k -> nfa.state());
        }

        private void addDigits(int place, int rest) {
            int from = state(place, rest);
            long scaled = rest;
            for (int i = place; i < places; i++) {
                scaled = scaled * 10 % divisor;
            }
            if (scaled == 0) {
                nfa.epsilon(from, nfa.end);
            }
            int target = place;
            if (place == 0 && places > 0) {
                int point = nfa.state();
                nfa.bytes(from, '.', '.', point);
                addDigits(point, 1, rest);
            }
            if (place > 0) {
                target = place + 1;
            }
            if (target <= places || place == 0) {
                addDigits(from, target, rest);
            }
        }

        private void addDigits(int from, int place, int rest) {
            for (int digit = 0; digit <= 9; digit++) {
                int next = (int) ((rest * 10L + digit) % divisor);
                nfa.bytes(from, '0' + digit, '0' + digit, state(place, next));
            }
        }
    }
}
