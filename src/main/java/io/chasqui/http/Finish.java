package io.chasqui.http;

import io.chasqui.engine.FinishReason;
import io.chasqui.engine.TokenOutput;
import java.util.List;

/** The engine's words as the wire has them. */
final class Finish {
    private Finish() {}

    /** The {@code finish_reason}, null while a choice goes on. */
    static String name(FinishReason reason) {
        return switch (reason) {
            case null -> null;
            case STOP -> "stop";
            case LENGTH -> "length";
        };
    }

    static int[] ids(List<TokenOutput> tokens) {
        return tokens.stream().mapToInt(TokenOutput::token).toArray();
    }
}
