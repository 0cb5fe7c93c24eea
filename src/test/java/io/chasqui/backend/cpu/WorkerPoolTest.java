package io.chasqui.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerPoolTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7})
    void everyItemRunsOnceInEveryRegion(int threads) {
        var random = new SplittableRandom(threads);
        try (var pool = new WorkerPool(threads)) {
            for (int round = 0; round < 3000; round++) {
                int items = random.nextInt(200);
                var runs = new AtomicIntegerArray(items);
                pool.run(
                        items,
                        1 + random.nextInt(20),
                        (worker, from, to) -> {
                            assertTrue(worker >= 0 && worker < threads);
                            for (int i = from; i < to; i++) {
                                runs.incrementAndGet(i);
                            }
                        });
                for (int i = 0; i < items; i++) {
                    assertEquals(1, runs.get(i), "item " + i + " of round " + round);
                }
            }
        }
    }

    /** Plain writes of one region are seen by all workers in the next. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void regionsAreOrdered(int threads) {
        int n = 64;
        int[] now = new int[n];
        int[] next = new int[n];
        Arrays.setAll(now, i -> i);
        int[] expected = now.clone();
        try (var pool = new WorkerPool(threads)) {
            for (int round = 0; round < 5000; round++) {
                if (round % 1000 == 999) {
                    LockSupport.parkNanos(2_000_000); // long enough for the workers to park
                }
                int[] source = now;
                int[] target = next;
                pool.run(
                        n,
                        1,
                        (worker, from, to) -> {
                            for (int i = from; i < to; i++) {
                                target[i] = 31 * source[(i + 1) % n] + source[(i + 7) % n];
                            }
                        });
                now = target;
                next = source;
                int[] before = expected;
                int[] after = new int[n];
                Arrays.setAll(after, i -> 31 * before[(i + 1) % n] + before[(i + 7) % n]);
                expected = after;
            }
        }
        assertArrayEquals(expected, now);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void aFailureReachesTheCallerAndThePoolGoesOn(int threads) {
        try (var pool = new WorkerPool(threads)) {
            for (int bad = 0; bad < 50; bad++) {
                int item = bad;
                var failure = new IllegalStateException("item " + bad);
                var thrown =
                        assertThrows(
                                IllegalStateException.class,
                                () ->
                                        pool.run(
                                                50,
                                                1,
                                                (worker, from, to) -> {
                                                    if (from <= item && item < to) {
                                                        throw failure;
                                                    }
                                                }));
                assertSame(failure, thrown);
                var runs = new AtomicIntegerArray(50);
                pool.run(50, 1, (worker, from, to) -> runs.addAndGet(from, to - from));
                int sum = 0;
                for (int i = 0; i < 50; i++) {
                    sum += runs.get(i);
                }
                assertEquals(50, sum);
            }
        }
    }
}
