package io.chasqui.config;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** How requests are taken and answered. */
@ConfigMapping(prefix = "chasqui.http")
public interface HttpConfig {

    /** Names by which callers may address a server that listens on a loopback address only. */
    Optional<List<String>> allowedHosts();

    /** Whether {@code /metrics} is readable without a key, as gateways need it. */
    @WithDefault("false")
    boolean openMetrics();

    /** Most choices of one prompt. */
    @WithDefault("8")
    int maxChoices();

    /** Silence after which a stream gets a comment, so that nobody takes it for dead. */
    @WithDefault("10s")
    Duration heartbeat();

    /** Longest time a stream's status line is held back while its first output is awaited. */
    @WithDefault("45s")
    Duration statusHold();

    /** Time after which a reader that takes nothing is cut off. */
    @WithDefault("10s")
    Duration writeStall();

    /** Prompts rendered and tokenised at once. */
    @WithDefault("4")
    int renderConcurrency();

    /** Prompts that may wait to be rendered; more are refused with status 429. */
    @WithDefault("512")
    int maxPendingRenders();
}
