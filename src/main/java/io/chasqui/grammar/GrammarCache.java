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
    private final Map<GrammarSpec, FutureTask<Grammar>> grammars =
            new LinkedHashMap<>(16, 0.75f, true);

    public GrammarCache(GrammarCompiler compiler, long maxBytes) {
        this.compiler = compiler;
        this.maxBytes = maxBytes;
    }

    /**
     * The grammar, compiled by the calling thread unless it is known.
     *
     * @throws GrammarException as {@link GrammarCompiler#compile} does
     */
    public Grammar get(GrammarSpec spec) throws InterruptedException {
        FutureTask<Grammar> task;
        boolean mine = false;
        synchronized (grammars) {
            task = grammars.get(spec);
            if (task == null) {
                task = new FutureTask<>(() -> compiler.compile(spec));
                grammars.put(spec, task);
                mine = true;
            }
        }
        if (mine) {
            task.run();
        }
        try {
            var grammar = task.get();
            if (mine) {
                forgetSome();
            }
            return grammar;
        } catch (ExecutionException e) {
            forget(spec, task);
            if (e.getCause() instanceof GrammarException refusal) {
                throw refusal;
            }
            throw new IllegalStateException("compiling a grammar failed", e.getCause());
        }
    }

    private void forget(GrammarSpec spec, FutureTask<Grammar> task) {
        synchronized (grammars) {
            grammars.remove(spec, task);
        }
    }

    private void forgetSome() {
        synchronized (grammars) {
            long bytes = bytes();
            var eldest = grammars.entrySet().iterator();
            while (eldest.hasNext() && (bytes > maxBytes || grammars.size() > MAX_GRAMMARS)) {
                var entry = eldest.next();
                bytes -= bytes(entry);
                eldest.remove();
            }
        }
    }

    /** Memory that all known grammars take now, about. */
    public long bytes() {
        synchronized (grammars) {
            return grammars.entrySet().stream().mapToLong(GrammarCache::bytes).sum();
        }
    }

    private static long bytes(Map.Entry<GrammarSpec, FutureTask<Grammar>> entry) {
        var task = entry.getValue();
        return task.state() == Future.State.SUCCESS ? task.resultNow().bytes() : 0;
    }
}
