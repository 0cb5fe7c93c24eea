package io.chasqui.chat;

/** A conversation that a chat format cannot express. The message is meant for the client. */
public final class ChatFormatException extends RuntimeException {
    private final String param;

    /**
     * @param param path of the offending field, e.g. {@code messages[2].tool_calls}
     */
    public ChatFormatException(String param, String message) {
        super(message);
        this.param = param;
    }

    public String param() {
        return param;
    }
}
