package io.chasqui.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;
import io.chasqui.backend.SamplerParams;
import io.chasqui.testing.SharedData;
import io.chasqui.testing.TestSequence;
import io.chasqui.testing.TestSequence.Slice;
import io.chasqui.testing.TinyModel;
import io.chasqui.tokenizer.TokenizerLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The default model against transformers in float32 on the same dequantised weights. */
class DefaultModelTest {
    private static final double LOGPROB_TOLERANCE = 1e-3;
    private static final double MIN_MARGIN = 0.01;
    private static final double PERPLEXITY_TOLERANCE = 1e-3;
    private static final int PERPLEXITY_TOKENS = 8192;
    private static final int WINDOW = 512;

    private static TinyModel tiny;
    private static JsonNode golden;

    @BeforeAll
    static void load() throws IOException {
        var file = SharedData.path("models/smollm2-135m-instruct/golden.json");
        golden = new ObjectMapper().readTree(file.toFile());
        tiny = TinyModel.defaultModel(64);
    }

    @AfterAll
    static void close() {
        if (tiny != null) {
            tiny.close();
        }
    }

    @Test
    void likeliestTokensAfterThePromptAgree() {
        int cases = 0;
        for (var golden : casesWithIds()) {
            var expected = golden.get("top_logprobs");
            var actual = step(sequence(golden), 20);
            assertEquals(expected.get(0).get(0).asInt(), actual.topTokens()[0], golden.toString());
            for (var pair : expected) {
                int at = indexOf(pair.get(0).asInt(), actual.topTokens());
                // The last of the list may change places with the first outside it.
                double logprob = at >= 0 ? actual.topLogprobs()[at] : actual.topLogprobs()[19];
                assertEquals(
                        pair.get(1).asDouble(),
                        logprob,
                        LOGPROB_TOLERANCE,
                        () -> "token " + pair.get(0) + " of " + golden.get("text"));
            }
            cases++;
        }
        assertTrue(cases >= 16);
    }

    @Test
    void greedyContinuationsAgreeUntilTheMarginIsSmall() {
        int compared = 0;
        for (var golden : casesWithIds()) {
            var sequence = sequence(golden);
            var expected = golden.get("greedy");
            var margin = golden.get("margin");
            for (int i = 0; i < expected.size() && margin.get(i).asDouble() >= MIN_MARGIN; i++) {
                int token = step(sequence, -1).token();
                assertEquals(expected.get(i).asInt(), token, "step " + i + " of " + golden);
                sequence.append(token);
                compared++;
            }
        }
        assertTrue(compared > 800, "only " + compared + " tokens compared");
    }

    private static List<JsonNode> casesWithIds() {
        List<JsonNode> cases = new ArrayList<>();
        for (var one : golden.get("cases")) {
            if (one.has("top_logprobs")) {
                cases.add(one);
            }
        }
        return cases;
    }

    private static TestSequence sequence(JsonNode golden) {
        int[] ids = new int[golden.get("ids").size()];
        Arrays.setAll(ids, i -> golden.get("ids").get(i).asInt());
        return TestSequence.contiguous(ids, 0, 512, TinyModel.BLOCK_SIZE);
    }

    private static SampledToken step(TestSequence sequence, int logprobs) {
        var batch =
                TestSequence.batch(
                        SamplerParams.GREEDY,
                        logprobs,
                        Slice.lastRow(sequence, sequence.pending()));
        return tiny.model().sample(tiny.model().forward(batch), null).await()[0];
    }

    private static int indexOf(int id, int[] ids) {
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] == id) {
                return i;
            }
        }
        return -1;
    }

    @Test
    void perplexityAgrees() throws IOException {
        var text = Files.readString(SharedData.path("data/prompts/tinyshakespeare.txt"));
        int[] ids;
        try (var checkpoint = Checkpoint.open(SharedData.defaultModel())) {
            ids = TokenizerLoader.fromGguf(checkpoint.metadata()).encode(text);
        }
        double sum = 0;
        int scored = 0;
        for (int from = 0; from < PERPLEXITY_TOKENS; from += WINDOW) {
            for (var token : score(Arrays.copyOfRange(ids, from, from + WINDOW))) {
                sum -= token.logprob();
                scored++;
            }
        }
        var expected = golden.get("perplexity");
        assertEquals(expected.get("tokens").asInt(), scored);
        double perplexity = Math.exp(sum / scored);
        double reference = expected.get("ppl").asDouble();
        assertEquals(reference, perplexity, PERPLEXITY_TOLERANCE * reference);
    }

    /** Scores every token of a window but the first. */
    private static SampledToken[] score(int[] window) {
        var sequence = TestSequence.contiguous(window, 0, WINDOW, TinyModel.BLOCK_SIZE);
        var batch = TestSequence.batch(SamplerParams.GREEDY, 0, Slice.everyRow(sequence, WINDOW));
        var rows = new LogitsRow[WINDOW - 1];
        for (int i = 0; i < rows.length; i++) {
            var row = batch.rows()[i];
            rows[i] =
                    new LogitsRow(
                            row.tokenIndex(),
                            window[i + 1],
                            row.params(),
                            0,
                            0,
                            0,
                            row.history(),
                            row.promptLength(),
                            row.historyLength(),
                            row.bannedTokens(),
                            0);
        }
        var scoring =
                new ForwardBatch(
                        batch.tokens(),
                        batch.positions(),
                        batch.slotMapping(),
                        batch.queryStart(),
                        batch.seqLens(),
                        batch.blockTables(),
                        rows);
        return tiny.model().sample(tiny.model().forward(scoring), null).await();
    }
}
