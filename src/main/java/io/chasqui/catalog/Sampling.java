package io.chasqui.catalog;

/**
 * How a model's publisher samples from it. A field that is null is not said.
 *
 * @param temperature scale of the logits
 * @param topP nucleus
 * @param topK likeliest tokens kept
 * @param repetitionPenalty penalty of repeated tokens
 */
public record Sampling(Double temperature, Double topP, Integer topK, Double repetitionPenalty) {}
