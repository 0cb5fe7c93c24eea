package io.chasqui.grammar;

/** A grammar that is malformed, cannot be enforced or exceeds a limit; the message names where. */
public final class GrammarException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public GrammarException(String message) {
        super(message);
    }
}
