package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * A regular expression with anchors, as four without: what must begin where the text begins, end
 * where it ends, both or neither. Absent parts are null.
 */
record Anchored(Expression free, Expression atStart, Expression atEnd, Expression whole) {
    static final Anchored START = new Anchored(null, Expression.EMPTY, null, null);
    static final Anchored END = new Anchored(null, null, Expression.EMPTY, null);
    private static final int MAX_ANCHORS = 32;
    private static final Anchored EMPTY = of(Expression.EMPTY);

    static Anchored of(Expression plain) {
        return new Anchored(plain, null, null, null);
    }

    /**
     * @throws GrammarException if there are too many anchors
     */
    static Anchored sequence(List<Anchored> parts) {
        var result = EMPTY;
        var plain = new ArrayList<Expression>();
        int anchors = 0;
        for (var part : parts) {
            if (part.isPlain()) {
                plain.add(part.free);
                continue;
            }
            if (++anchors > MAX_ANCHORS) {
                throw new GrammarException(
                        "the regular expression has more than "
                                + MAX_ANCHORS
                                + " anchors in a row");
            }
            result = result.then(of(sequenceOf(List.copyOf(plain)))).then(part);
            plain.clear();
        }
        var last = of(sequenceOf(plain));
        return anchors == 0 ? last : result.then(last);
    }

    static Anchored choice(List<Anchored> parts) {
        return parts.size() == 1
                ? parts.getFirst()
                : new Anchored(
                        any(parts.stream().map(Anchored::free)),
                        any(parts.stream().map(Anchored::atStart)),
                        any(parts.stream().map(Anchored::atEnd)),
                        any(parts.stream().map(Anchored::whole)));
    }

    private static Expression any(Stream<Expression> parts) {
        var present = parts.filter(Objects::nonNull).toList();
        return present.isEmpty()
                ? null
                : present.size() == 1 ? present.getFirst() : new Expression.Choice(present);
    }

    private static Expression sequenceOf(List<Expression> parts) {
        return parts.size() == 1 ? parts.getFirst() : new Expression.Sequence(List.copyOf(parts));
    }

    boolean isPlain() {
        return free != null && atStart == null && atEnd == null && whole == null;
    }

    private static Expression either(Expression a, Expression b) {
        if (a == null || b == null) {
            return a == null ? b : a;
        }
        var all = new ArrayList<Expression>();
        all.addAll(a instanceof Expression.Choice c ? c.alternatives() : List.of(a));
        all.add(b);
        return new Expression.Choice(all);
    }

    /** What precedes a start anchor, or follows an end anchor, can only be empty. */
    Anchored then(Anchored other) {
        var result = new Expression[4];
        for (int mine = 0; mine < 4; mine++) {
            for (int its = 0; its < 4; its++) {
                var left = part(mine);
                var right = other.part(its);
                if (left == null || right == null) {
                    continue;
                }
                boolean rightStarts = (its & 1) != 0;
                boolean leftEnds = (mine & 2) != 0;
                if (rightStarts && !left.isNullable() || leftEnds && !right.isNullable()) {
                    continue;
                }
                var parts = new ArrayList<Expression>();
                if (!rightStarts) {
                    parts.add(left);
                }
                if (!leftEnds) {
                    parts.add(right);
                }
                result[mine | its] = either(result[mine | its], sequenceOf(parts));
            }
        }
        return new Anchored(result[0], result[1], result[2], result[3]);
    }

    private Expression part(int index) {
        return switch (index) {
            case 0 -> free;
            case 1 -> atStart;
            case 2 -> atEnd;
            default -> whole;
        };
    }

    /** With anchors, {@code max} is one at most. */
    Anchored repeat(int min, int max) {
        if (isPlain()) {
            return of(new Expression.Repeat(free, min, max));
        }
        return max == 0 ? EMPTY : min == 0 ? choice(List.of(EMPTY, this)) : this;
    }

    /** The texts in which this occurs. */
    Expression search() {
        return anyOrNone(
                Stream.of(
                        surround(free, true, true),
                        surround(atStart, false, true),
                        surround(atEnd, true, false),
                        whole));
    }

    /** The texts that begin with this. */
    Expression prefix() {
        return anyOrNone(
                Stream.of(
                        surround(free, false, true), surround(atStart, false, true), atEnd, whole));
    }

    /** The texts that are this. */
    Expression wholeText() {
        return anyOrNone(Stream.of(free, atStart, atEnd, whole));
    }

    /** All parts are absent when anchors contradict what is beside them, as in {@code a$b}. */
    private static Expression anyOrNone(Stream<Expression> parts) {
        var present = any(parts);
        return present == null ? Expression.NONE : present;
    }

    private static Expression surround(Expression body, boolean before, boolean after) {
        if (body == null) {
            return null;
        }
        var parts = new ArrayList<Expression>();
        if (before) {
            parts.add(Expression.ANY_TEXT);
        }
        parts.add(body);
        if (after) {
            parts.add(Expression.ANY_TEXT);
        }
        return new Expression.Sequence(parts);
    }
}
