package io.chasqui.grammar;

import java.util.List;

/** What rules are made of: a set of texts, regular unless it refers to rules. */
sealed interface Expression {
    Expression EMPTY = new Sequence(List.of());
    Expression NONE = new Choice(List.of());
    Expression ANY_TEXT = new Repeat(new Chars(CharSet.ALL), 0, Repeat.UNBOUNDED);

    /** Lets any of the texts lead from one state to the other. */
    void addTo(Nfa nfa, TextEncoding encoding, int from, int to);

    /** Whether the empty text is known to be one of them. */
    boolean isNullable();

    /** A text of another rule. */
    record Reference(Rule rule) implements Expression {
        @Override
        public void addTo(Nfa nfa, TextEncoding encoding, int from, int to) {
            nfa.call(from, rule, to);
        }

        @Override
        public boolean isNullable() {
            return false;
        }
    }

    /** One of the characters. */
    record Chars(CharSet set) implements Expression {
        @Override
        public void addTo(Nfa nfa, TextEncoding encoding, int from, int to) {
            encoding.add(nfa, from, set, to);
        }

        @Override
        public boolean isNullable() {
            return false;
        }
    }

    /** One after the other. */
    record Sequence(List<Expression> parts, boolean isNullable) implements Expression {
        Sequence(List<Expression> parts) {
            this(parts, parts.stream().allMatch(Expression::isNullable));
        }

        @Override
        public void addTo(Nfa nfa, TextEncoding encoding, int from, int to) {
            int at = from;
            for (int i = 0; i < parts.size() - 1; i++) {
                int next = nfa.state();
                parts.get(i).addTo(nfa, encoding, at, next);
                at = next;
            }
            if (parts.isEmpty()) {
                nfa.epsilon(from, to);
            } else {
                parts.getLast().addTo(nfa, encoding, at, to);
            }
        }
    }

    /** One of them; none of no alternatives. */
    record Choice(List<Expression> alternatives, boolean isNullable) implements Expression {
        Choice(List<Expression> alternatives) {
            this(alternatives, alternatives.stream().anyMatch(Expression::isNullable));
        }

        @Override
        public void addTo(Nfa nfa, TextEncoding encoding, int from, int to) {
            for (var alternative : alternatives) {
                alternative.addTo(nfa, encoding, from, to);
            }
        }
    }

    /** {@code min} to {@code max} times. */
    record Repeat(Expression body, int min, int max) implements Expression {
        static final int UNBOUNDED = Integer.MAX_VALUE;

        @Override
        public void addTo(Nfa nfa, TextEncoding encoding, int from, int to) {
            int at = nfa.state();
            nfa.epsilon(from, at);
            for (int i = 0; i < min; i++) {
                at = addBody(nfa, encoding, at);
            }
            if (max == UNBOUNDED) {
                int loop = nfa.state();
                nfa.epsilon(at, loop);
                body.addTo(nfa, encoding, loop, loop);
                nfa.epsilon(loop, to);
                return;
            }
            for (int i = min; i < max; i++) {
                nfa.epsilon(at, to);
                at = addBody(nfa, encoding, at);
            }
            nfa.epsilon(at, to);
        }

        private int addBody(Nfa nfa, TextEncoding encoding, int from) {
            int next = nfa.state();
            body.addTo(nfa, encoding, from, next);
            return next;
        }

        @Override
        public boolean isNullable() {
            return min == 0 || body.isNullable();
        }
    }

    static Expression text(String literal) {
        return new Sequence(
                literal.codePoints().<Expression>mapToObj(c -> new Chars(CharSet.of(c))).toList());
    }
}
