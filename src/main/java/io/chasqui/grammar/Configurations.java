package io.chasqui.grammar;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The configurations that a grammar has been in, and how to get from one to the next. Safe for use
 * by many threads. When {@link #isFull}, a new one takes its place.
 */
final class Configurations {
    /**
     * Alternatives kept apart at a time. Those beyond are given up, which narrows what an extremely
     * ambiguous grammar admits but never widens it.
     */
    private static final int MAX_FRAMES = 256;

    private static final int CONFIGURATION_BYTES = 150;
    private static final int FRAME_BYTES = 40;
    private static final int NEXT_BYTES = 1040;

    private final Map<Configuration, Configuration> known = new ConcurrentHashMap<>();
    private final AtomicLong bytes = new AtomicLong();
    private final int maxDepth;
    private final long maxBytes;

    Configurations(int maxDepth, long maxBytes) {
        this.maxDepth = maxDepth;
        this.maxBytes = maxBytes;
    }

    int maxDepth() {
        return maxDepth;
    }

    long bytes() {
        return bytes.get();
    }

    boolean isFull() {
        return bytes.get() > maxBytes;
    }

    void count(long more) {
        bytes.addAndGet(more);
    }

    /** The one configuration with these frames. */
    Configuration of(Frame... frames) {
        if (frames.length == 0) {
            return Configuration.DEAD;
        }
        if (frames.length == 1 && frames[0].isBottom()) {
            return frames[0] == Frame.END ? Configuration.END : Configuration.OPEN;
        }
        var made = new Configuration(frames);
        var earlier = known.putIfAbsent(made, made);
        if (earlier != null) {
            return earlier;
        }
        count(CONFIGURATION_BYTES + FRAME_BYTES * (long) frames.length);
        return made;
    }

    /** The same configuration among these. */
    Configuration adopt(Configuration foreign) {
        return adopt(foreign, new IdentityHashMap<>());
    }

    private Configuration adopt(Configuration foreign, Map<Configuration, Configuration> adopted) {
        var done = adopted.get(foreign);
        if (done != null) {
            return done;
        }
        var frames = new Frame[foreign.frames().length];
        for (int i = 0; i < frames.length; i++) {
            var frame = foreign.frames()[i];
            frames[i] =
                    frame.isBottom()
                            ? frame
                            : new Frame(frame.rule(), frame.state(), adopt(frame.below(), adopted));
        }
        var result = of(frames);
        adopted.put(foreign, result);
        return result;
    }

    /** Where a byte leads; {@link Configuration#DEAD} when it may not follow. */
    Configuration step(Configuration from, int value) {
        var known = from.knownNext(value);
        if (known != null) {
            return known;
        }
        var next = from.frames().length == 1 ? stepAlone(from.frames()[0], value) : null;
        if (next == null) {
            next = new Step(value).from(from);
        }
        if (from.learnNext(value, next)) {
            count(NEXT_BYTES);
        }
        return next;
    }

    /** Where a byte leads from a state where only its own rule can read it; null for others. */
    private Configuration stepAlone(Frame frame, int value) {
        var rule = frame.rule();
        if (frame.isBottom()
                || rule.accepts(frame.state())
                || !rule.calls(frame.state()).isEmpty()) {
            return null;
        }
        int to = rule.next(frame.state(), value);
        if (to == Rule.NONE) {
            return Configuration.DEAD;
        }
        var next = new Frame(rule, to, frame.below());
        if (next.height() > maxDepth) {
            return Configuration.DEAD;
        }
        return rule.isLeaf(to) ? next.below() : of(next);
    }

    /** The only byte that may follow; -1 if there is a choice or none may. */
    int onlyByte(Configuration at) {
        long[] candidates = new Step(0).candidates(at);
        int only = -1;
        for (int word = 0; word < candidates.length; word++) {
            for (long bits = candidates[word]; bits != 0; bits &= bits - 1) {
                int value = word * 64 + Long.numberOfTrailingZeros(bits);
                if (step(at, value) != Configuration.DEAD) {
                    if (only >= 0) {
                        return -1;
                    }
                    only = value;
                }
            }
        }
        return only;
    }

    Configuration step(Configuration from, byte[] text) {
        var at = from;
        for (int i = 0; i < text.length && at != Configuration.DEAD; i++) {
            at = step(at, text[i] & 0xff);
        }
        return at;
    }

    private record Pair(Configuration a, Configuration b) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Pair p && a == p.a && b == p.b;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(a) * 31 + System.identityHashCode(b);
        }
    }

    /** One byte read by all stacks of a configuration. */
    private final class Step {
        private final int value;
        private final List<Frame> arrived = new ArrayList<>(4);
        private final Set<Frame> visited = new HashSet<>();
        private final Deque<Frame> pending = new ArrayDeque<>();
        private final Map<Pair, Configuration> unions = new HashMap<>();

        Step(int value) {
            this.value = value;
        }

        Configuration from(Configuration configuration) {
            for (var frame : configuration.frames()) {
                visit(frame);
            }
            while (!pending.isEmpty()) {
                read(pending.poll());
            }
            return of(arrived.toArray(Frame[]::new));
        }

        /** Bit set of the bytes that some stack reads, though perhaps in vain. */
        long[] candidates(Configuration configuration) {
            long[] bytes = new long[4];
            for (var frame : configuration.frames()) {
                visit(frame);
            }
            while (!pending.isEmpty()) {
                var frame = pending.poll();
                frame.rule().addBytes(frame.state(), bytes);
                expand(frame);
            }
            return bytes;
        }

        private void visit(Frame frame) {
            if (!frame.isBottom() && visited.add(frame)) {
                pending.add(frame);
            }
        }

        private void read(Frame frame) {
            var rule = frame.rule();
            int to = rule.next(frame.state(), value);
            if (to != Rule.NONE) {
                arrive(new Frame(rule, to, frame.below()));
            }
            expand(frame);
        }

        /** Visits the states of other rules that read the same byte. */
        private void expand(Frame frame) {
            var rule = frame.rule();
            for (var call : rule.calls(frame.state())) {
                call(call, frame);
            }
            if (rule.accepts(frame.state())) {
                for (var caller : frame.below().frames()) {
                    visit(caller);
                }
            }
        }

        /** A call in last place needs no frame to return to. */
        private void call(Rule.Call call, Frame caller) {
            if (caller.rule().isLeaf(call.returnTo())) {
                visit(new Frame(call.callee(), Rule.START, caller.below()));
                return;
            }
            var back = new Frame(caller.rule(), call.returnTo(), caller.below());
            if (back.height() <= maxDepth) {
                visit(new Frame(call.callee(), Rule.START, of(back)));
            }
        }

        private void arrive(Frame frame) {
            if (frame.height() > maxDepth) {
                return;
            }
            if (!frame.rule().isLeaf(frame.state())) {
                add(frame);
                return;
            }
            for (var caller : frame.below().frames()) {
                add(caller);
            }
        }

        private void add(Frame frame) {
            join(arrived, frame);
        }

        private void join(List<Frame> frames, Frame frame) {
            for (int i = 0; i < frames.size(); i++) {
                var other = frames.get(i);
                if (other.sameState(frame)) {
                    if (other.below() != frame.below()) {
                        var below = union(other.below(), frame.below());
                        frames.set(i, new Frame(frame.rule(), frame.state(), below));
                    }
                    return;
                }
            }
            if (frames.size() < MAX_FRAMES) {
                frames.add(frame);
            }
        }

        private Configuration union(Configuration a, Configuration b) {
            var pair = new Pair(a, b);
            var done = unions.get(pair);
            if (done == null) {
                var frames = new ArrayList<>(List.of(a.frames()));
                for (var frame : b.frames()) {
                    join(frames, frame);
                }
                done = of(frames.toArray(Frame[]::new));
                unions.put(pair, done);
            }
            return done;
        }
    }
}
