package io.chasqui.chat;

import io.chasqui.grammar.Grammar;
import io.chasqui.grammar.GrammarCache;
import io.chasqui.grammar.GrammarCompiler;
import io.chasqui.grammar.GrammarException;
import io.chasqui.grammar.GrammarLimits;
import io.chasqui.grammar.GrammarSpec;
import io.chasqui.grammar.GrammarVocabulary;
import io.chasqui.tokenizer.Tokenizer;
import java.util.Set;

/**
 * The grammars of one model. Its vocabulary is made ready by {@link #prepare}, or else when the
 * first is asked for; that takes half a second for 128k tokens. Safe for use by many threads.
 */
public final class ModelGrammars {
    private static final long MAX_BYTES = 256L << 20;

    private final Tokenizer tokenizer;
    private final int marker;
    private final int[] endTokens;
    private GrammarCache cache;

    /**
     * @param marker name of the special token that means something within answers, or null
     */
    public ModelGrammars(Tokenizer tokenizer, String marker, Set<Integer> endTokens) {
        this.tokenizer = tokenizer;
        this.marker = marker == null ? -1 : tokenizer.specialToken(marker);
        this.endTokens = endTokens.stream().mapToInt(Integer::intValue).toArray();
    }

    /**
     * The grammar of a description, compiled unless it is known.
     *
     * @throws GrammarException naming what cannot be compiled, or which limit it exceeds
     */
    public Grammar get(GrammarSpec spec) throws InterruptedException {
        return cache().get(spec);
    }

    /** Makes the vocabulary ready on another thread, so that no request has to wait for it. */
    public void prepare() {
        var thread = Thread.ofPlatform().daemon().name("grammar-vocabulary");
        thread.priority(Thread.MIN_PRIORITY).start(this::cache);
    }

    private synchronized GrammarCache cache() {
        if (cache == null) {
            var vocabulary = new GrammarVocabulary(tokenizer, marker, endTokens);
            var compiler = new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT);
            cache = new GrammarCache(compiler, MAX_BYTES);
        }
        return cache;
    }
}
