package io.chasqui.cli;

import io.chasqui.catalog.Progress;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Shows downloads: on a terminal as a bar that moves, elsewhere as a line now and then. Each tells
 * bytes, rate and time left.
 */
final class ProgressBar implements Progress {
    private static final int WIDTH = 24;
    private static final long BAR_NANOS = Duration.ofMillis(100).toNanos();
    private static final long LINE_NANOS = Duration.ofSeconds(5).toNanos();

    private final PrintStream out;
    private final boolean terminal;
    private final LongSupplier nanoTime;
    private boolean running;
    private long startedAt;
    private long startedWith;
    private long shownAt;
    private String last;

    ProgressBar(PrintStream out, boolean terminal) {
        this(out, terminal, System::nanoTime);
    }

    ProgressBar(PrintStream out, boolean terminal, LongSupplier nanoTime) {
        this.out = out;
        this.terminal = terminal;
        this.nanoTime = nanoTime;
    }

    @Override
    public void say(String line) {
        ended();
        out.println(line);
    }

    @Override
    public void bytes(String file, long done, long total) {
        long now = nanoTime.getAsLong();
        if (!running) {
            running = true;
            startedAt = now;
            startedWith = done;
            shownAt = now;
        }
        last = line(file, done, total, now - startedAt);
        if (now - shownAt >= (terminal ? BAR_NANOS : LINE_NANOS)) {
            shownAt = now;
            show();
        }
    }

    /** The last state is always shown, so that a short download leaves a line too. */
    @Override
    public void ended() {
        if (running) {
            show();
            if (terminal) {
                out.println();
            }
            running = false;
        }
    }

    private void show() {
        if (terminal) {
            out.print("\r\033[K" + last);
            out.flush();
        } else {
            out.println(last);
        }
    }

    private String line(String file, long done, long total, long nanos) {
        double rate = nanos == 0 ? 0 : (done - startedWith) * 1e9 / nanos;
        if (total < 0) {
            return "  %s  %s, %s/s".formatted(file, size(done), size((long) rate));
        }
        int filled = total == 0 ? WIDTH : (int) (WIDTH * done / total);
        var bar = "#".repeat(filled) + ".".repeat(WIDTH - filled);
        var left = rate == 0 ? "?" : time((long) ((total - done) / rate));
        return "  %s  [%s] %d %%  %s of %s, %s/s, %s left"
                .formatted(
                        file,
                        bar,
                        total == 0 ? 100 : 100 * done / total,
                        size(done),
                        size(total),
                        size((long) rate),
                        left);
    }

    /** Decimal units, as on a model's page. */
    static String size(long bytes) {
        if (bytes < 1_000) {
            return bytes + " B";
        }
        double value = bytes;
        int unit = -1;
        while (value >= 999.95 && unit < 3) {
            value /= 1_000;
            unit++;
        }
        return String.format(Locale.ROOT, "%.1f %sB", value, "kMGT".charAt(unit));
    }

    static String time(long seconds) {
        if (seconds < 60) {
            return seconds + " s";
        }
        if (seconds < 3600) {
            return "%d min %02d s".formatted(seconds / 60, seconds % 60);
        }
        return "%d h %02d min".formatted(seconds / 3600, seconds / 60 % 60);
    }
}
