package io.chasqui.chat;

import io.chasqui.grammar.Grammar;
import io.chasqui.grammar.GrammarCompiler;
import io.chasqui.grammar.GrammarException;
import io.chasqui.grammar.GrammarLimits;
import io.chasqui.grammar.GrammarSpec;
import io.chasqui.grammar.GrammarVocabulary;
import io.chasqui.tokenizer.Tokenizer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The grammars of one model that were asked for last: agents send the same schema again and again.
 * Safe for use by many threads; what is not needed costs nothing, the vocabulary included.
 */
public final class GrammarCache {
    private static final long MAX_BYTES = 256L << 20;

    private final Tokenizer tokenizer;
    private final Set<Integer> endTokens;
    private final Map<GrammarSpec, Grammar> grammars = new LinkedHashMap<>(16, 0.75f, true);
    private GrammarCompiler compiler;

    public GrammarCache(Tokenizer tokenizer, Set<Integer> endTokens) {
        this.tokenizer = tokenizer;
        this.endTokens = Set.copyOf(endTokens);
    }

    /**
     * The grammar of a description, compiled now if it is not known.
     *
     * @throws GrammarException naming what cannot be compiled, or which limit it exceeds
     */
    public Grammar get(GrammarSpec spec) {
        synchronized (grammars) {
            var known = grammars.get(spec);
            if (known != null) {
                return known;
            }
        }
        var compiled = compiler().compile(spec);
        synchronized (grammars) {
            grammars.putIfAbsent(spec, compiled);
            forgetEldest();
            return compiled;
        }
    }

    private synchronized GrammarCompiler compiler() {
        if (compiler == null) {
            int[] ends = endTokens.stream().mapToInt(Integer::intValue).toArray();
            var vocabulary = new GrammarVocabulary(tokenizer, ends);
            compiler = new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT);
        }
        return compiler;
    }

    /** Those in use live on; they are compiled again when they are asked for again. */
    private void forgetEldest() {
        long bytes = grammars.values().stream().mapToLong(Grammar::bytes).sum();
        var eldest = grammars.values().iterator();
        while (bytes > MAX_BYTES && eldest.hasNext()) {
            bytes -= eldest.next().bytes();
            eldest.remove();
        }
    }
}
