package io.chasqui.http;

/**
 * What a generation came to, for the log: counts and times, never text.
 *
 * @param model id of the model
 * @param prompts number of prompts
 * @param usage token counts
 * @param outcome finish reasons or error, e.g. {@code stop}, {@code length,stop}, {@code
 *     disconnect}
 * @param firstOutputNanos from the request's arrival to its first output, or -1
 */
record GenerationSummary(
        String model, int prompts, Usage usage, String outcome, long firstOutputNanos) {}
