package io.chasqui.grammar;

/** A grammar that is malformed, cannot be enforced or exceeds a limit; the message names where. */
public final class GrammarException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private static final int MAX_LENGTH = 1_000;

    /**
     * @param message cut when it is long, since it may quote any length of the source
     */
    public GrammarException(String message) {
        super(message.length() <= MAX_LENGTH ? message : message.substring(0, MAX_LENGTH) + "…");
    }
}
