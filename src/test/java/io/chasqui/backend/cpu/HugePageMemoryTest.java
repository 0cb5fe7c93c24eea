package io.chasqui.backend.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HugePageMemoryTest {
    private static final long HUGE = 2L << 20;

    @ParameterizedTest
    @ValueSource(longs = {1, 4096, HUGE - 1, HUGE, HUGE + 1, 3 * HUGE + 12345, 64L << 20})
    void givesZeroedMemoryOfTheSizeAsked(long bytes) {
        try (var arena = Arena.ofShared()) {
            var memory = HugePageMemory.allocate(arena, bytes);
            assertEquals(bytes, memory.byteSize());
            assertEquals(0, memory.address() % 64);
            var zero = arena.allocate(bytes);
            assertEquals(-1, memory.mismatch(zero));
            memory.fill((byte) 7);
            assertEquals(7, memory.get(JAVA_BYTE, 0));
            assertEquals(7, memory.get(JAVA_BYTE, bytes - 1));
        }
    }

    @Test
    void neighboursDoNotOverlap() {
        try (var arena = Arena.ofShared()) {
            var first = HugePageMemory.allocate(arena, 5 * HUGE);
            var second = HugePageMemory.allocate(arena, 5 * HUGE);
            second.fill((byte) 1);
            assertEquals(0, first.get(JAVA_BYTE, 0));
            assertEquals(0, first.get(JAVA_BYTE, first.byteSize() - 1));
        }
    }

    @Test
    void placesManyPiecesApartAndAligned() {
        try (var arena = Arena.ofShared()) {
            var memory = new HugePageMemory(arena);
            var pieces = new ArrayList<MemorySegment>();
            for (int i = 0; i < 200; i++) {
                long bytes = 1 + i * 7919L % 1_000_000;
                var piece = memory.allocate(i == 100 ? 5 * HUGE : bytes, 64);
                assertEquals(0, piece.address() % 64);
                pieces.add(piece.fill((byte) i));
            }
            for (int i = 0; i < pieces.size(); i++) {
                var piece = pieces.get(i);
                assertEquals((byte) i, piece.get(JAVA_BYTE, 0));
                assertEquals((byte) i, piece.get(JAVA_BYTE, piece.byteSize() - 1));
            }
        }
    }

    @Test
    void diesWithItsArena() {
        MemorySegment memory;
        try (var arena = Arena.ofShared()) {
            memory = HugePageMemory.allocate(arena, 2 * HUGE);
        }
        assertThrows(IllegalStateException.class, () -> memory.get(JAVA_BYTE, 0));
    }
}
