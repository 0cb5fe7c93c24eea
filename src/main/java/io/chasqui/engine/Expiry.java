package io.chasqui.engine;

import java.util.Comparator;

/**
 * A moment at which a request is given up.
 *
 * @param nanos the moment
 * @param group whose
 * @param reason QUEUE_TIMEOUT counts only while nothing of it has been scheduled
 */
record Expiry(long nanos, RequestGroup group, EngineError.Kind reason) {
    /** Soonest first. */
    static final Comparator<Expiry> SOONEST =
            Comparator.comparingLong(Expiry::nanos)
                    .thenComparingLong(e -> e.group().arrival())
                    .thenComparing(Expiry::reason);
}
