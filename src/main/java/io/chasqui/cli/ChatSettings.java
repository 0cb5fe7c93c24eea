package io.chasqui.cli;

import io.chasqui.backend.SamplerParams;
import io.chasqui.chat.ServedModel.GenerationDefaults;
import io.chasqui.engine.SamplingParams;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** How a chat samples, changed by {@code /set}. */
final class ChatSettings {
    private float temperature;
    private float topP;
    private int topK;
    private float minP;
    private int maxTokens = Integer.MAX_VALUE;
    private Long seed;
    private final float repetitionPenalty;

    ChatSettings(GenerationDefaults defaults) {
        temperature = defaults.temperature();
        topP = defaults.topP();
        topK = defaults.topK();
        repetitionPenalty = defaults.repetitionPenalty();
    }

    /**
     * @throws IllegalArgumentException if there is no such parameter or it cannot have that value
     */
    void set(String name, String value) {
        try {
            switch (name) {
                case "temperature" -> temperature = inRange(name, Float.parseFloat(value), 0, 2);
                case "top_p" -> topP = inRange(name, Float.parseFloat(value), 0, 1);
                case "min_p" -> minP = inRange(name, Float.parseFloat(value), 0, 1);
                case "top_k" -> topK = inRange(name, Integer.parseInt(value), 0);
                case "max_tokens" -> maxTokens = inRange(name, Integer.parseInt(value), 1);
                case "seed" -> seed = Long.parseLong(value);
                default ->
                        throw new IllegalArgumentException("There is no parameter " + name + ".");
            }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + " is a number, not '" + value + "'.", e);
        }
    }

    private static float inRange(String name, float value, float least, float most) {
        if (!(value >= least && value <= most)) {
            throw new IllegalArgumentException(name + " is from " + least + " to " + most + ".");
        }
        return value;
    }

    private static int inRange(String name, int value, int least) {
        if (value < least) {
            throw new IllegalArgumentException(name + " is at least " + least + ".");
        }
        return value;
    }

    /**
     * @param room tokens that still fit after the prompt
     */
    SamplingParams sampling(int room) {
        return new SamplingParams(
                1,
                Math.clamp(room, 1, maxTokens),
                0,
                List.of(),
                Set.of(),
                false,
                false,
                seed == null ? ThreadLocalRandom.current().nextLong() : seed,
                -1,
                -1,
                new SamplerParams(
                        temperature,
                        topP,
                        topK,
                        minP,
                        repetitionPenalty,
                        0,
                        0,
                        new int[0],
                        new float[0]));
    }

    @Override
    public String toString() {
        return "temperature %s, top_p %s, top_k %d, min_p %s, max_tokens %s, seed %s"
                .formatted(
                        temperature,
                        topP,
                        topK,
                        minP,
                        maxTokens == Integer.MAX_VALUE ? "as many as fit" : maxTokens,
                        seed == null ? "random" : seed);
    }
}
