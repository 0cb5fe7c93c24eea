package io.chasqui.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.loader.GgufFile;
import io.chasqui.testing.ByteTokenizer;
import io.chasqui.testing.SharedData;
import io.chasqui.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;

class ChatTemplatesTest {
    private final Tokenizer llama =
            new ByteTokenizer(
                    "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>");
    private final Tokenizer chatMl = new ByteTokenizer("<|im_start|>", "<|im_end|>");
    private final Tokenizer plain = new ByteTokenizer();

    private static String selected(String option, String template, Tokenizer tokenizer) {
        var selection = ChatTemplates.select(option, template, tokenizer);
        assertNull(selection.problem());
        return selection.template().name();
    }

    private static String problem(String option, String template, Tokenizer tokenizer) {
        var selection = ChatTemplates.select(option, template, tokenizer);
        assertNull(selection.template());
        assertNotNull(selection.problem());
        assertTrue(
                selection
                        .problem()
                        .contains("--chat-format with one of llama3.1, llama3.2, chatml"),
                selection.problem());
        return selection.problem();
    }

    @Test
    void recognisesOfficialTemplatesByTheirText() throws IOException {
        assertEquals("llama3.1", selected(null, read("meta-llama-Llama-3.1-8B-Instruct"), llama));
        assertEquals("llama3.1", selected(null, read("meta-llama-Llama-3.3-70B-Instruct"), llama));
        assertEquals("llama3.2", selected(null, read("meta-llama-Llama-3.2-3B-Instruct"), llama));
        assertEquals("chatml", selected(null, read("chatml"), chatMl));
        assertEquals("chatml", selected(null, read("chatml") + "\n", chatMl));
    }

    private static String read(String name) throws IOException {
        return Files.readString(SharedData.path("data/templates/" + name + ".jinja"));
    }

    @Test
    void recognisesTheTemplateOfTheDefaultModel() {
        try (var file = GgufFile.open(SharedData.defaultModel())) {
            var template = (String) file.metadata().get("tokenizer.chat_template");
            assertEquals("smollm2", selected(null, template, chatMl));
        }
    }

    @Test
    void goesBySpecialTokensOnlyWhereTheModelHasNoTemplate() {
        assertEquals("llama3.1", selected(null, null, llama));
        assertEquals("chatml", selected(null, null, chatMl));
        problem(null, null, plain);
        problem(null, "{{ messages }}", llama);
        problem(null, "", chatMl);
    }

    @Test
    void theOptionWins() throws IOException {
        assertEquals("chatml", selected("chatml", "{{ messages }}", chatMl));
        assertEquals("llama3.2", selected("llama3.2", read("chatml"), llama));
        assertTrue(problem("alpaca", null, llama).contains("'alpaca'"));
        assertTrue(problem("llama3.1", null, chatMl).contains("<|begin_of_text|>"));
        assertTrue(problem("chatml", null, llama).contains("<|im_start|>"));
    }
}
