package io.chasqui.cli;

import static java.lang.System.Logger.Level.ERROR;

import io.chasqui.chat.ModelRegistry;
import io.chasqui.engine.LlmEngine;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * Ends the process when the engine can do no more: a half-dead server is worse than one that its
 * supervisor restarts. Liveness fails first, see the probes.
 */
final class Watchdog {
    private static final System.Logger LOG = System.getLogger(Watchdog.class.getName());
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Duration PERIOD = Duration.ofSeconds(1);

    /** EX_SOFTWARE of sysexits.h. */
    static final int EXIT_CODE = 70;

    private Watchdog() {}

    /** Watches from now on. */
    static void watch(LlmEngine engine, ModelRegistry registry) {
        Thread.ofPlatform()
                .daemon()
                .name("engine-watchdog")
                .start(
                        () -> {
                            while (engine.isAlive(LIMIT)) {
                                sleep();
                            }
                            registry.state(ModelRegistry.State.DEAD);
                            LOG.log(
                                    ERROR,
                                    "the engine is dead or made no progress for {0} s; exiting with {1}."
                                            + " Threads:\n{2}",
                                    LIMIT.toSeconds(),
                                    EXIT_CODE,
                                    threads());
                            sleep(); // lets the last error events out
                            Runtime.getRuntime().halt(EXIT_CODE);
                        });
    }

    private static String threads() {
        return Arrays.stream(ManagementFactory.getThreadMXBean().dumpAllThreads(true, true))
                .map(Object::toString)
                .collect(Collectors.joining());
    }

    private static void sleep() {
        try {
            Thread.sleep(PERIOD);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
