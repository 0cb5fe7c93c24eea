package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.List;

/**
 * A regular expression with anchors, as four without: what must begin where the text begins, end
 * where it ends, both or neither. Absent parts are null.
 */
record Anchored(Regex free, Regex atStart, Regex atEnd, Regex whole) {
    static final Anchored START = new Anchored(null, Regex.EMPTY, null, null);
    static final Anchored END = new Anchored(null, null, Regex.EMPTY, null);
    private static final Anchored EMPTY = of(Regex.EMPTY);

    static Anchored of(Regex plain) {
        return new Anchored(plain, null, null, null);
    }

    static Anchored sequence(List<Anchored> parts) {
        if (parts.stream().allMatch(Anchored::isPlain)) {
            return of(sequenceOf(parts.stream().map(Anchored::free).toList()));
        }
        var result = EMPTY;
        for (var part : parts) {
            result = result.then(part);
        }
        return result;
    }

    private static Regex sequenceOf(List<Regex> parts) {
        return parts.size() == 1 ? parts.getFirst() : new Regex.Sequence(parts);
    }

    boolean isPlain() {
        return free != null && atStart == null && atEnd == null && whole == null;
    }

    Anchored or(Anchored other) {
        return new Anchored(
                either(free, other.free),
                either(atStart, other.atStart),
                either(atEnd, other.atEnd),
                either(whole, other.whole));
    }

    private static Regex either(Regex a, Regex b) {
        if (a == null || b == null) {
            return a == null ? b : a;
        }
        var all = new ArrayList<Regex>();
        all.addAll(a instanceof Regex.Choice c ? c.alternatives() : List.of(a));
        all.add(b);
        return new Regex.Choice(all);
    }

    /** What precedes a start anchor, or follows an end anchor, can only be empty. */
    Anchored then(Anchored other) {
        var result = new Regex[4];
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
                var parts = new ArrayList<Regex>();
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

    private Regex part(int index) {
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
            return of(new Regex.Repeat(free, min, max));
        }
        return max == 0 ? EMPTY : min == 0 ? EMPTY.or(this) : this;
    }

    /** The texts in which this occurs. */
    Regex search() {
        return choice(
                surround(free, true, true),
                surround(atStart, false, true),
                surround(atEnd, true, false),
                whole);
    }

    /** The texts that begin with this. */
    Regex prefix() {
        return choice(surround(free, false, true), surround(atStart, false, true), atEnd, whole);
    }

    /** The texts that are this. */
    Regex wholeText() {
        return choice(free, atStart, atEnd, whole);
    }

    private static Regex choice(Regex... parts) {
        var present = new ArrayList<Regex>();
        for (var part : parts) {
            if (part != null) {
                present.add(part);
            }
        }
        return present.size() == 1 ? present.getFirst() : new Regex.Choice(present);
    }

    private static Regex surround(Regex body, boolean before, boolean after) {
        if (body == null) {
            return null;
        }
        var parts = new ArrayList<Regex>();
        if (before) {
            parts.add(Regex.ANY_TEXT);
        }
        parts.add(body);
        if (after) {
            parts.add(Regex.ANY_TEXT);
        }
        return new Regex.Sequence(parts);
    }
}
