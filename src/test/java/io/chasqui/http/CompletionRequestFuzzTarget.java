package io.chasqui.http;

import io.chasqui.chat.ServedModel.GenerationDefaults;

/** Any bytes as the body of a plain completion request. */
public final class CompletionRequestFuzzTarget {
    private CompletionRequestFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        try {
            var request = CompletionRequest.read(JsonBody.parse(input), 8);
            request.checkVocabulary(256);
            request.options()
                    .samplingParams(
                            GenerationDefaults.OPENAI, null, 100, request.numLogprobs(), -1);
        } catch (ApiException e) {
            Refusals.check(e);
        }
    }
}
