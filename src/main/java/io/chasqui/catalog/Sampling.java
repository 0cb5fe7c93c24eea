package io.chasqui.catalog;

import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * How a model's publisher samples from it. A field that is null is not said.
 *
 * @param temperature scale of the logits
 * @param topP nucleus
 * @param topK likeliest tokens kept
 * @param repetitionPenalty penalty of repeated tokens
 */
public record Sampling(Double temperature, Double topP, Integer topK, Double repetitionPenalty) {

    /** E.g. {@code temperature 0.6, top_p 0.9}. */
    @Override
    public String toString() {
        return Stream.of(
                        named("temperature", temperature),
                        named("top_p", topP),
                        named("top_k", topK),
                        named("repetition_penalty", repetitionPenalty))
                .filter(Objects::nonNull)
                .collect(Collectors.joining(", "));
    }

    private static String named(String name, Number value) {
        return value == null ? null : name + " " + value;
    }
}
