package io.chasqui.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.quant.BlockScales;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files are read or refused; nothing else ever comes out. */
@Timeout(120)
class MutatedHeadersTest {
    private static final int MUTANTS = 1500;

    @TempDir Path folder;

    @Test
    void ggufIsReadOrRefused() throws IOException {
        var original =
                new GgufBuilder()
                        .text("general.architecture", "llama")
                        .u32("llama.block_count", 1)
                        .f32("llama.rope.freq_base", 1e4f)
                        .texts("tokenizer.ggml.tokens", "a", "b", "ab", "é")
                        .i32s("tokenizer.ggml.token_type", 1, 1, 1, 3)
                        .alignment(64)
                        .f32Tensor("output_norm.weight", new float[32], 32)
                        .tensor("token_embd.weight", 8, new byte[4 * 34], 32, 4)
                        .tensor("blk.0.attn_q.weight", 12, new byte[2 * 144], 256, 2)
                        .build();
        mutate(original, "mutant.gguf");
    }

    @Test
    void safetensorsIsReadOrRefused() throws IOException {
        var header =
                "{\"__metadata__\":{\"format\":\"pt\"},"
                        + HostileSafetensors.tensor("a.weight", "F32", "[2,4]", "[0,32]")
                        + ","
                        + HostileSafetensors.tensor("b.weight", "BF16", "[3]", "[32,38]")
                        + ","
                        + HostileSafetensors.tensor("ids", "I64", "[]", "[38,46]")
                        + "}   ";
        mutate(HostileSafetensors.file(header, 46), "mutant.safetensors");
    }

    private void mutate(byte[] original, String fileName) throws IOException {
        var file = folder.resolve(fileName);
        Files.write(file, original);
        readEverything(file);
        long seed = new Random().nextLong();
        int read = 0;
        int refused = 0;
        for (int i = 0; i < MUTANTS; i++) {
            Files.write(file, mutant(original, new Random(seed + i)));
            try {
                readEverything(file);
                read++;
            } catch (ModelFormatException e) {
                assertTrue(e.getMessage().length() < 2000, "seed " + (seed + i));
                refused++;
            } catch (Throwable e) {
                throw new AssertionError(fileName + ", seed " + (seed + i) + ": " + e, e);
            }
        }
        assertEquals(MUTANTS, read + refused);
        assertTrue(refused > MUTANTS / 10, refused + " refused, seed " + seed);
    }

    private static byte[] mutant(byte[] original, Random random) {
        var mutant = original.clone();
        switch (random.nextInt(4)) {
            case 0 -> {
                return Arrays.copyOf(mutant, random.nextInt(mutant.length));
            }
            case 1 -> {
                int at = random.nextInt(mutant.length - 8);
                long extreme = Long.MAX_VALUE >>> random.nextInt(64);
                for (int i = 0; i < 8; i++) {
                    mutant[at + i] = (byte) (extreme >>> 8 * i);
                }
            }
            case 2 -> {
                int from = random.nextInt(mutant.length - 16);
                int to = random.nextInt(mutant.length - 16);
                System.arraycopy(original, from, mutant, to, 16);
            }
            default -> {
                for (int flips = 1 + random.nextInt(6); flips > 0; flips--) {
                    mutant[random.nextInt(mutant.length)] ^= (byte) (1 << random.nextInt(8));
                }
            }
        }
        return mutant;
    }

    private static void readEverything(Path file) {
        if (GgufFile.isGguf(file)) {
            try (var gguf = GgufFile.open(file)) {
                touch(gguf.tensors());
            }
        } else {
            try (var safetensors = SafetensorsFile.open(file)) {
                touch(safetensors.tensors());
            }
        }
    }

    private static void touch(Map<String, TensorView> tensors) {
        for (var tensor : tensors.values()) {
            var data = tensor.data();
            for (long i = 0; i < data.byteSize(); i++) {
                data.get(ValueLayout.JAVA_BYTE, i);
            }
            BlockScales.firstNonFinite(tensor.dtype(), data);
        }
    }
}
