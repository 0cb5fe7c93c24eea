package io.chasqui.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Damages inputs in the ways that parsers stumble over. Equal seeds give equal inputs. */
final class Mutations {
    private static final int MAX_SIZE = 1 << 14;

    /** What digits, brackets and signs are often followed by trouble. */
    private static final List<byte[]> WORDS =
            List.of(
                    bytes("\""),
                    bytes("\\"),
                    bytes("{"),
                    bytes("}"),
                    bytes("[["),
                    bytes("]"),
                    bytes("(("),
                    bytes(")*"),
                    bytes("|"),
                    bytes(","),
                    bytes(":"),
                    bytes("null"),
                    bytes("true"),
                    bytes("-1"),
                    bytes("1e999"),
                    bytes("2147483648"),
                    bytes("9223372036854775808"),
                    bytes("{0,99999}"),
                    bytes("\\ud800"),
                    bytes("\u00e9"),
                    bytes("\ud83d\ude00"),
                    new byte[] {0},
                    new byte[] {(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff},
                    new byte[] {0, 0, 0, (byte) 0x80});

    private final List<byte[]> seeds;
    private final SplittableRandom random;

    Mutations(List<byte[]> seeds, long seed) {
        this.seeds = seeds;
        this.random = new SplittableRandom(seed);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** One of the seeds, changed in one to four places. */
    byte[] next() {
        byte[] input = any(seeds);
        for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
            input = changed(input);
        }
        return input.length > MAX_SIZE ? Arrays.copyOf(input, MAX_SIZE) : input;
    }

    private byte[] any(List<byte[]> choices) {
        return choices.get(random.nextInt(choices.size()));
    }

    private byte[] changed(byte[] input) {
        int from = random.nextInt(input.length + 1);
        int to = Math.min(input.length, from + 1 + random.nextInt(16));
        return switch (random.nextInt(7)) {
            case 0 -> replaced(input, from, to, new byte[0]);
            case 1 -> replaced(input, from, from, any(WORDS));
            case 2 -> replaced(input, from, to, any(WORDS));
            case 3 -> replaced(input, from, from, repeated(Arrays.copyOfRange(input, from, to)));
            case 4 -> replaced(input, from, to, piece(any(seeds)));
            case 5 -> Arrays.copyOf(input, from);
            default -> flipped(input);
        };
    }

    private byte[] flipped(byte[] input) {
        var flipped = input.clone();
        if (flipped.length > 0) {
            flipped[random.nextInt(flipped.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return flipped;
    }

    private byte[] repeated(byte[] part) {
        var out = new ByteArrayOutputStream();
        for (int times = 1 << random.nextInt(10); times > 0; times--) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    private byte[] piece(byte[] seed) {
        int from = random.nextInt(seed.length + 1);
        return Arrays.copyOfRange(seed, from, from + random.nextInt(seed.length - from + 1));
    }

    private static byte[] replaced(byte[] input, int from, int to, byte[] by) {
        var out = new ByteArrayOutputStream(input.length + by.length);
        out.write(input, 0, from);
        out.writeBytes(by);
        out.write(input, to, input.length - to);
        return out.toByteArray();
    }
}
