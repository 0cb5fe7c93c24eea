package io.chasqui.grammar;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;

/**
 * Grammars that were compiled, the least recently used ones forgotten when together they take more
 * memory than allowed. Safe for use by many threads; equal specifications compile once.
 */
public final class GrammarCache {
    private static final int MAX_GRAMMARS = 4_096;

    private final GrammarCompiler compiler;
    private final long maxBytes;
    private final Map<GrammarSpec, Entry> grammars = new LinkedHashMap<>(16, 0.75f, true);

    public GrammarCache(GrammarCompiler compiler, long maxBytes) {
        this.compiler = compiler;
        this.maxBytes = maxBytes;
    }

    /**
     * The grammar, compiled unless it is known. That has a thread of its own: the time it takes is
     * limited, and of a virtual thread nobody knows how much of it was spent waiting for a core.
     *
     * @throws GrammarException as {@link GrammarCompiler#compile} does
     */
    public Grammar get(GrammarSpec spec) throws InterruptedException {
        Entry entry;
        boolean mine = false;
        synchronized (grammars) {
            entry = grammars.get(spec);
            if (entry == null) {
                entry = Entry.of(spec, compiler);
                grammars.put(spec, entry);
                mine = true;
            }
        }
        if (mine) {
            Thread.ofPlatform().daemon().name("grammar-compiler").start(entry.task);
        }
        try {
            var grammar = entry.task.get();
            if (mine) {
                forgetSome();
            }
            return grammar;
        } catch (ExecutionException e) {
            forget(spec, entry);
            if (e.getCause() instanceof GrammarException refusal) {
                throw refusal;
            }
            throw new IllegalStateException("compiling a grammar failed", e.getCause());
        }
    }

    private void forget(GrammarSpec spec, Entry entry) {
        synchronized (grammars) {
            grammars.remove(spec, entry);
        }
    }

    private void forgetSome() {
        synchronized (grammars) {
            long bytes = bytes();
            var eldest = grammars.entrySet().iterator();
            while (eldest.hasNext() && (bytes > maxBytes || grammars.size() > MAX_GRAMMARS)) {
                bytes -= eldest.next().getValue().bytes();
                eldest.remove();
            }
        }
    }

    /** Memory that all known grammars take now, about. */
    public long bytes() {
        synchronized (grammars) {
            return grammars.values().stream().mapToLong(Entry::bytes).sum();
        }
    }

    /**
     * @param sourceBytes memory of the specification, which can be far larger than its grammar
     */
    private record Entry(FutureTask<Grammar> task, long sourceBytes) {
        static Entry of(GrammarSpec spec, GrammarCompiler compiler) {
            long characters = spec.toString().length();
            return new Entry(new FutureTask<>(() -> compiler.compile(spec)), 2 * characters);
        }

        long bytes() {
            boolean done = task.state() == Future.State.SUCCESS;
            return sourceBytes + (done ? task.resultNow().bytes() : 0);
        }
    }
}
