package io.chasqui.engine;

import io.chasqui.backend.LogitsRow;
import io.chasqui.executor.HashExecutor;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What one choice of a request must produce on a {@link HashExecutor}, made without the engine: no
 * blocks, no batches, text decoded as a whole and searched naively.
 *
 * @param tokens all tokens of the answer
 * @param logprobs theirs; 0 unless asked for
 * @param text the answer
 * @param finish how it ends
 * @param stopReason the stop string or stop token
 * @param promptLogprobs logprobs of the prompt, the first NaN; empty unless asked for
 */
record ReferenceAnswer(
        List<Integer> tokens,
        List<Float> logprobs,
        String text,
        FinishReason finish,
        Object stopReason,
        List<Float> promptLogprobs) {

    /** Bytes of an answer so far. */
    private static final int[] NONE = {};

    private static final class Text {
        private byte[] bytes = new byte[64];
        private int length;

        void add(int token) {
            if (token < 256) {
                bytes = length == bytes.length ? Arrays.copyOf(bytes, 2 * length) : bytes;
                bytes[length++] = (byte) token;
            }
        }

        String decode(boolean complete) {
            var decoder =
                    StandardCharsets.UTF_8
                            .newDecoder()
                            .onMalformedInput(CodingErrorAction.REPLACE)
                            .onUnmappableCharacter(CodingErrorAction.REPLACE);
            var out = CharBuffer.allocate(length + 1);
            decoder.decode(ByteBuffer.wrap(bytes, 0, length), out, complete);
            return out.flip().toString();
        }
    }

    /** The answer of choice {@code choice}, sampled from {@code alphabet}. */
    static ReferenceAnswer of(
            GenerationRequest request, int choice, int[] alphabet, Set<Integer> endTokens) {
        var params = request.params();
        int promptLength = request.promptTokens().length;
        var history = Arrays.copyOf(request.promptTokens(), promptLength + params.maxTokens());
        var promptLogprobs = new ArrayList<Float>();
        boolean scores = choice == 0 && params.numPromptLogprobs() >= 0;
        if (scores) {
            promptLogprobs.add(Float.NaN);
        }
        long slot = HashExecutor.ROOT;
        long state = HashExecutor.ROOT;
        for (int p = 0; p < promptLength; p++) {
            slot = HashExecutor.slotHash(slot, history[p], p);
            state = HashExecutor.fold(state, slot);
            if (p + 1 < promptLength && scores) {
                var row = row(request, choice, history, p + 1, 0, NONE, history[p + 1]);
                promptLogprobs.add(HashExecutor.answer(row, known(row), state, alphabet).logprob());
            }
        }
        var tokens = new ArrayList<Integer>();
        var logprobs = new ArrayList<Float>();
        var matcher = params.grammar() == null ? null : params.grammar().matcher();
        var text = new Text();
        int searched = 0;
        for (int i = 0; i < params.maxTokens(); i++) {
            int length = promptLength + i;
            int[] banned = i < params.minTokens() ? endings(params, endTokens) : NONE;
            int[] allowed = alphabet;
            if (matcher != null) {
                allowed = HashExecutor.allowed(without(banned, matcher.mask()), alphabet);
                banned = NONE;
            }
            var row = row(request, choice, history, length, i, banned, LogitsRow.SAMPLE);
            var sampled = HashExecutor.answer(row, known(row), state, allowed);
            int token = sampled.token();
            tokens.add(token);
            logprobs.add(sampled.logprob());
            history[length] = token;
            slot = HashExecutor.slotHash(slot, token, length);
            state = HashExecutor.fold(state, slot);
            boolean mayStop = i >= params.minTokens();
            boolean end = endTokens.contains(token) && !params.ignoreEos();
            if (mayStop && (end || params.stopTokenIds().contains(token))) {
                var whole = text.decode(true);
                if (!end && params.includeStopText() && token < 256) {
                    whole += new String(new byte[] {(byte) token}, StandardCharsets.UTF_8);
                }
                return new ReferenceAnswer(
                        tokens,
                        logprobs,
                        whole,
                        FinishReason.STOP,
                        end ? null : token,
                        promptLogprobs);
            }
            boolean complete = matcher != null && matcher.advance(token) && matcher.mustEnd();
            text.add(token);
            var certain = text.decode(false);
            var stopped = mayStop ? stop(params, certain, searched) : null;
            searched = certain.length();
            if (stopped != null) {
                return new ReferenceAnswer(
                        tokens,
                        logprobs,
                        stopped[0],
                        FinishReason.STOP,
                        stopped[1],
                        promptLogprobs);
            }
            if (complete) {
                return new ReferenceAnswer(
                        tokens,
                        logprobs,
                        text.decode(true),
                        FinishReason.STOP,
                        null,
                        promptLogprobs);
            }
        }
        return new ReferenceAnswer(
                tokens, logprobs, text.decode(true), FinishReason.LENGTH, null, promptLogprobs);
    }

    /** The text up to the first stop string that ends after {@code from}, and that stop string. */
    private static String[] stop(SamplingParams params, String text, int from) {
        for (int end = from + 1; end <= text.length(); end++) {
            String longest = null;
            for (var stop : params.stop()) {
                if (text.startsWith(stop, end - stop.length())
                        && (longest == null || longest.length() < stop.length())) {
                    longest = stop;
                }
            }
            if (longest != null) {
                int cut = params.includeStopText() ? end : end - longest.length();
                return new String[] {text.substring(0, cut), longest};
            }
        }
        return null;
    }

    private static int[] endings(SamplingParams params, Set<Integer> endTokens) {
        return Stream.concat(
                        params.stopTokenIds().stream(),
                        params.ignoreEos() ? Stream.of() : endTokens.stream())
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** Tokens of a mask that are not banned; the mask itself if there are none. */
    private static long[] without(int[] banned, long[] mask) {
        var rest = BitSet.valueOf(mask);
        Arrays.stream(banned).forEach(rest::clear);
        return rest.isEmpty() ? mask : rest.toLongArray();
    }

    private static int[] known(LogitsRow row) {
        return Arrays.copyOf(row.history(), row.historyLength());
    }

    private static LogitsRow row(
            GenerationRequest request,
            int choice,
            int[] history,
            int length,
            int outputIndex,
            int[] banned,
            int target) {
        var params = request.params();
        return new LogitsRow(
                0,
                target,
                params.sampler(),
                params.seed(),
                choice,
                outputIndex,
                history,
                request.promptTokens().length,
                length,
                banned,
                target == LogitsRow.SAMPLE ? params.numLogprobs() : params.numPromptLogprobs());
    }
}
