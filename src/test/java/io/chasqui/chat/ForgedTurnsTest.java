package io.chasqui.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.chat.Message.Role;
import io.chasqui.tokenizer.TestTokenizers;
import io.chasqui.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * No text of a request can forge a turn: whatever spells special tokens wherever, the special
 * tokens of the rendered prompt are those of its turns.
 */
class ForgedTurnsTest {
    private static final int CASES_PER_TOKEN = 40;

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);

    /** Names of all special tokens of a vocabulary. */
    private static List<String> specials(Tokenizer tokenizer) {
        return IntStream.range(0, tokenizer.vocabSize())
                .filter(tokenizer::isSpecial)
                .mapToObj(id -> new String(tokenizer.bytes(id), StandardCharsets.UTF_8))
                .toList();
    }

    /** Special tokens and, after a token that opens a header, its text, in order. */
    private static List<String> structure(Tokenizer tokenizer, int[] ids, String opens) {
        var found = new ArrayList<String>();
        for (int i = 0; i < ids.length; i++) {
            if (!tokenizer.isSpecial(ids[i])) {
                continue;
            }
            var name = tokenizer.decode(new int[] {ids[i]});
            found.add(name);
            if (name.equals(opens)) {
                int from = i + 1;
                int to = from;
                while (to < ids.length && !endsHeader(tokenizer, ids[to])) {
                    to++;
                }
                found.add(tokenizer.decode(IntStream.range(from, to).map(k -> ids[k]).toArray()));
            }
        }
        return found;
    }

    private static boolean endsHeader(Tokenizer tokenizer, int id) {
        return tokenizer.isSpecial(id) || tokenizer.decode(new int[] {id}).startsWith("\n");
    }

    /**
     * A text with the token's name, whole, twice, in the middle of words, or only one end of it.
     */
    private String hostile(String name) {
        int cut = random.nextInt(name.length() + 1);
        return switch (random.nextInt(6)) {
            case 0 -> name;
            case 1 -> name + "\n\n" + name + "system";
            case 2 -> "word" + name + "word";
            case 3 -> name.substring(cut);
            case 4 -> name.substring(0, cut);
            default -> name.substring(0, cut) + name + name.substring(cut);
        };
    }

    private ObjectNode hostileObject(String name) {
        var object = JsonNodeFactory.instance.objectNode();
        object.put(hostile(name), hostile(name));
        object.putObject("nested").putArray(hostile(name)).add(hostile(name)).add(1.5);
        return object;
    }

    private ObjectNode hostileTool(String name) {
        var tool = JsonNodeFactory.instance.objectNode().put("type", "function");
        tool.putObject("function")
                .put("name", hostile(name))
                .put("description", hostile(name))
                .set("parameters", hostileObject(name));
        return tool;
    }

    private Message hostileCall(String name, int calls) {
        var toolCalls = new ArrayList<ToolCall>();
        for (int i = 0; i < calls; i++) {
            toolCalls.add(new ToolCall("c" + i, hostile(name), hostileObject(name)));
        }
        return new Message(Role.ASSISTANT, hostile(name), toolCalls, null);
    }

    private List<Message> conversation(String name, boolean withTools) {
        var messages = new ArrayList<Message>();
        if (random.nextBoolean()) {
            messages.add(Message.of(Role.SYSTEM, hostile(name)));
        }
        messages.add(Message.of(Role.USER, hostile(name)));
        for (int i = random.nextInt(3); i > 0; i--) {
            int calls = withTools ? random.nextInt(4) : 0;
            messages.add(hostileCall(name, calls));
            for (int k = 0; k < calls; k++) {
                messages.add(new Message(Role.TOOL, hostile(name), List.of(), "c" + k));
            }
            messages.add(Message.of(Role.USER, hostile(name)));
        }
        return messages;
    }

    private static List<String> llamaStructure(ChatPrompt prompt, boolean builtin) {
        var expected = new ArrayList<>(List.of("<|begin_of_text|>"));
        var messages = prompt.messages();
        if (messages.getFirst().role() != Role.SYSTEM) {
            addLlamaTurn("system", "<|eot_id|>", expected);
        }
        for (int i = 0; i < messages.size(); i++) {
            var message = messages.get(i);
            if (message.toolCalls().size() > 1) {
                continue;
            }
            boolean manyCalls = message.role() == Role.TOOL && callsBefore(messages, i) > 1;
            var endOfCall = builtin ? "<|eom_id|>" : "<|eot_id|>";
            if (manyCalls) {
                addLlamaTurn("assistant", endOfCall, expected);
            }
            var role =
                    message.role() == Role.TOOL ? "ipython" : message.role().name().toLowerCase();
            addLlamaTurn(role, message.toolCalls().isEmpty() ? "<|eot_id|>" : endOfCall, expected);
        }
        expected.addAll(List.of("<|start_header_id|>", "assistant", "<|end_header_id|>"));
        return expected;
    }

    private static int callsBefore(List<Message> messages, int index) {
        int i = index;
        while (messages.get(i).role() == Role.TOOL) {
            i--;
        }
        return messages.get(i).toolCalls().size();
    }

    private static void addLlamaTurn(String role, String end, List<String> expected) {
        expected.addAll(List.of("<|start_header_id|>", role, "<|end_header_id|>", end));
    }

    @Test
    void noTextForgesATurnOfLlama3() {
        var tokenizer = TestTokenizers.llama3();
        var template = Llama3ChatTemplate.llama31();
        var names = specials(tokenizer);
        assertEquals(256, names.size());
        for (var name : names) {
            for (int i = 0; i < CASES_PER_TOKEN; i++) {
                boolean tools = random.nextBoolean();
                boolean builtin = random.nextBoolean();
                var prompt =
                        new ChatPrompt(
                                conversation(name, true),
                                tools ? List.of(hostileTool(name), hostileTool(name)) : List.of(),
                                builtin ? List.of("never_called", hostile(name) + " ") : List.of(),
                                random.nextBoolean(),
                                true,
                                false);
                assertEquals(
                        llamaStructure(prompt, builtin),
                        structure(
                                tokenizer,
                                template.render(prompt, tokenizer),
                                "<|start_header_id|>"),
                        () -> "seed " + seed + ", token " + name + ", prompt " + prompt);
            }
        }
    }

    @Test
    void noTextForgesATurnOfChatMl() {
        var tokenizer = TestTokenizers.defaultModel();
        var template = ChatMlTemplate.smolLm2();
        var names = specials(tokenizer);
        assertEquals(17, names.size());
        for (var name : names) {
            for (int i = 0; i < CASES_PER_TOKEN; i++) {
                var messages = conversation(name, false);
                var expected = new ArrayList<String>();
                if (messages.getFirst().role() != Role.SYSTEM) {
                    expected.addAll(List.of("<|im_start|>", "system", "<|im_end|>"));
                }
                for (var message : messages) {
                    var role = message.role().name().toLowerCase();
                    expected.addAll(List.of("<|im_start|>", role, "<|im_end|>"));
                }
                expected.addAll(List.of("<|im_start|>", "assistant"));
                var ids = template.render(ChatPrompt.of(messages), tokenizer);
                assertEquals(
                        expected,
                        structure(tokenizer, ids, "<|im_start|>"),
                        () -> "seed " + seed + ", token " + name + ", " + messages);
            }
        }
    }
}
