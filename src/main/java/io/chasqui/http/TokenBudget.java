package io.chasqui.http;

/** How many tokens a request may generate. */
final class TokenBudget {
    private TokenBudget() {}

    /**
     * Tokens that fit after the prompt.
     *
     * @param param the field that holds the prompt, for errors
     * @param wanted tokens asked for, or null when the request leaves it open
     * @throws ApiException if prompt and wanted tokens do not fit
     */
    static int room(String param, int promptTokens, Integer wanted, int maxModelLen) {
        int room = maxModelLen - promptTokens;
        int least = wanted == null ? 1 : wanted;
        if (least <= room) {
            return room;
        }
        var limit = "This model's maximum context length is " + maxModelLen + " tokens. However, ";
        var prompt = promptTokens + " in the " + param;
        var asked =
                wanted == null
                        ? "your " + param + " resulted in " + promptTokens + " tokens. "
                        : "you requested %d tokens (%s, %d in the completion). "
                                .formatted((long) promptTokens + wanted, prompt, wanted);
        var shorten = wanted == null ? param : param + " or completion";
        throw new ApiException(
                ApiError.contextLength(
                        param, limit + asked + "Please reduce the length of the " + shorten + "."));
    }
}
