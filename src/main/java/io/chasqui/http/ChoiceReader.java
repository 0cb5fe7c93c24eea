package io.chasqui.http;

import io.chasqui.chat.AnswerPart;
import io.chasqui.chat.ToolCallParser;
import io.chasqui.engine.FinishReason;
import io.chasqui.engine.RequestOutput;
import java.util.ArrayList;
import java.util.List;

/** Reads one choice of a chat answer, as it comes, as text and tool calls. */
final class ChoiceReader {
    private final ToolCallParser parser;
    private final boolean named;

    /**
     * @param parser null when the answer is text whatever it says
     * @param named whether the request named the tool to call
     */
    ChoiceReader(ToolCallParser parser, boolean named) {
        this.parser = parser;
        this.named = named;
    }

    boolean mayCall() {
        return parser != null;
    }

    /** What has become certain. */
    List<AnswerPart> read(RequestOutput output) {
        if (parser == null) {
            return output.text().isEmpty()
                    ? List.of()
                    : List.of(new AnswerPart.Text(output.text()));
        }
        var parts = new ArrayList<>(parser.read(output.text()));
        if (output.last()) {
            parts.addAll(parser.end(output.finish() == FinishReason.STOP));
        }
        return parts;
    }

    /** The {@code finish_reason} of a choice that has been read to its end. */
    String finish(FinishReason reason) {
        boolean calls = parser != null && parser.hasCall() && !named;
        return calls && reason == FinishReason.STOP ? "tool_calls" : Finish.name(reason);
    }
}
