package io.chasqui.cli;

/** Something that the user can mend. The message says how. */
final class UserException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UserException(String message) {
        super(message);
    }
}
