package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProgressBarTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final AtomicLong nanos = new AtomicLong();

    private ProgressBar bar(boolean terminal) {
        return new ProgressBar(new PrintStream(out, true), terminal, nanos::get);
    }

    private void at(ProgressBar bar, double seconds, long done, long total) {
        nanos.set((long) (seconds * 1e9));
        bar.bytes("m.gguf", done, total);
    }

    @Test
    void showsBytesRateAndTimeLeft() {
        var bar = bar(true);
        at(bar, 0, 0, 100_000_000);
        at(bar, 5, 50_000_000, 100_000_000);
        assertEquals(
                "\r\033[K  m.gguf  [############............] 50 %  50.0 MB of 100.0 MB, 10.0 MB/s,"
                        + " 5 s left",
                out.toString());
    }

    @Test
    void theRateLeavesOutWhatAnEarlierRunFetched() {
        var bar = bar(true);
        at(bar, 0, 80_000_000, 100_000_000);
        at(bar, 1, 81_000_000, 100_000_000);
        assertEquals(true, out.toString().contains("1.0 MB/s, 19 s left"), out.toString());
    }

    @Test
    void offATerminalALineComesNowAndThen() {
        var bar = bar(false);
        for (int second = 0; second <= 11; second++) {
            at(bar, second, second * 1_000_000L, 20_000_000);
        }
        bar.ended();
        bar.ended();
        assertEquals(3, out.toString().lines().count(), out.toString());
        assertEquals(false, out.toString().contains("\r"));
    }

    @Test
    void withoutATotalThereIsNoBar() {
        var bar = bar(false);
        at(bar, 0, 0, -1);
        at(bar, 5, 5_000_000, -1);
        assertEquals(
                "  m.gguf  5.0 MB, 1.0 MB/s", out.toString().strip().indent(2).stripTrailing());
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "999, 999 B",
        "1000, 1.0 kB",
        "98362432, 98.4 MB",
        "999960000, 1.0 GB",
        "42520000000, 42.5 GB",
        "1500000000000000, 1500.0 TB"
    })
    void sizesAreDecimal(long bytes, String text) {
        assertEquals(text, ProgressBar.size(bytes));
    }

    @ParameterizedTest
    @CsvSource({"59, 59 s", "60, 1 min 00 s", "3599, 59 min 59 s", "7260, 2 h 01 min"})
    void timesAreShort(long seconds, String text) {
        assertEquals(text, ProgressBar.time(seconds));
    }
}
