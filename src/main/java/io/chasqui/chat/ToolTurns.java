package io.chasqui.chat;

import io.chasqui.chat.Message.Role;
import java.util.ArrayList;
import java.util.List;

/**
 * Rewrites turns with several calls for formats that know one call at a time: call, result, call,
 * result, in the order of the results.
 */
final class ToolTurns {
    private final List<Message> messages;
    private final List<Message> rewritten = new ArrayList<>();

    private ToolTurns(List<Message> messages) {
        this.messages = messages;
    }

    /**
     * @throws ChatFormatException if the results of such a turn do not follow it
     */
    static List<Message> oneCallEach(List<Message> messages) {
        if (messages.stream().allMatch(message -> message.toolCalls().size() < 2)) {
            return messages;
        }
        return new ToolTurns(messages).rewrite();
    }

    private List<Message> rewrite() {
        int i = 0;
        while (i < messages.size()) {
            int calls = messages.get(i).toolCalls().size();
            if (calls < 2) {
                rewritten.add(messages.get(i++));
            } else {
                pairCallsWithResults(i);
                i += 1 + calls;
            }
        }
        return rewritten;
    }

    private void pairCallsWithResults(int turn) {
        var open = new ArrayList<>(messages.get(turn).toolCalls());
        for (int i = turn + 1; !open.isEmpty(); i++) {
            boolean isResult = i < messages.size() && messages.get(i).role() == Role.TOOL;
            if (!isResult) {
                throw new ChatFormatException(
                        "messages[" + turn + "].tool_calls",
                        "no result follows for the call " + open.getFirst().id());
            }
            var result = messages.get(i);
            var call = take(open, result.toolCallId(), i);
            rewritten.add(new Message(Role.ASSISTANT, "", List.of(call), null));
            rewritten.add(result);
        }
    }

    private static ToolCall take(List<ToolCall> open, String id, int index) {
        for (int i = 0; i < open.size(); i++) {
            if (id == null || id.equals(open.get(i).id())) {
                return open.remove(i);
            }
        }
        throw new ChatFormatException(
                "messages[" + index + "].tool_call_id",
                "'" + id + "' is no open call of the turn before");
    }
}
