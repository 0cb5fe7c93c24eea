package io.chasqui.testing;

/**
 * What one check of a backend came to.
 *
 * @param detail figures, or what went wrong
 */
public record Check(String name, boolean passed, double seconds, String detail) {

    /** A check's body: gives the detail when it passes. */
    @FunctionalInterface
    interface Body {
        /**
         * @throws Failure when the backend is wrong
         */
        String run();
    }

    /** The backend is wrong. */
    static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1;

        Failure(String message) {
            super(message);
        }
    }

    static void require(boolean holds, String otherwise, Object... arguments) {
        if (!holds) {
            throw new Failure(otherwise.formatted(arguments));
        }
    }

    /** Runs a check; whatever it throws is its failure, but for errors of the machine. */
    static Check run(String name, Body body) {
        long start = System.nanoTime();
        boolean passed = true;
        String detail;
        try {
            detail = body.run();
        } catch (RuntimeException e) {
            passed = false;
            detail = e instanceof Failure ? e.getMessage() : e.toString();
        }
        return new Check(name, passed, (System.nanoTime() - start) / 1e9, detail);
    }
}
