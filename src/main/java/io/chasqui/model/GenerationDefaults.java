package io.chasqui.model;

/**
 * Sampling parameters that a checkpoint recommends for requests that say nothing; null where it
 * says nothing either. A GGUF file never does.
 */
public record GenerationDefaults(
        Double temperature,
        Double topP,
        Integer topK,
        Double minP,
        Double repetitionPenalty,
        Integer maxNewTokens) {

    /** Recommends nothing. */
    public static final GenerationDefaults NONE =
            new GenerationDefaults(null, null, null, null, null, null);
}
