package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class KernelModulesTest {
    private static Optional<KernelModules> read(Map<String, String> files) {
        return KernelModules.read(name -> open(files.get(name)));
    }

    private static InputStream open(String text) {
        return text == null ? null : new ByteArrayInputStream(text.getBytes());
    }

    @Test
    void aModuleHasTheKernelsThatTheTableNames() {
        var modules =
                read(Map.of(
                                "modules.tsv",
                                "sources\tabc\na\tone\na\ttwo\nplain_a\tone\n",
                                "a.fatbin",
                                "A",
                                "plain_a.fatbin",
                                "P"))
                        .orElseThrow();
        assertEquals("abc", modules.sources());
        assertEquals(2, modules.modules().size());
        var first = modules.modules().getFirst();
        assertEquals("a", first.name());
        assertEquals(List.of("one", "two"), first.kernels());
        assertArrayEquals(new byte[] {'A'}, first.image());
    }

    @Test
    void aJarWithoutKernelsHasNone() {
        assertTrue(read(Map.of()).isEmpty());
        assertTrue(read(Map.of("modules.tsv", "sources\tabc\n")).isEmpty());
    }

    @Test
    void aMissingImageIsTold() {
        var files = Map.of("modules.tsv", "sources\tabc\na\tone\n");
        var e = assertThrows(UncheckedIOException.class, () -> read(files));
        assertTrue(e.getMessage().contains("a.fatbin"), e.getMessage());
    }
}
