package io.chasqui.config;

import java.util.Optional;

/** The API keys that let callers in. Safe for many threads; the keys may change while serving. */
public interface ApiKeys {

    /** No keys: every caller is let in as {@link Caller#ANONYMOUS}. */
    ApiKeys NONE =
            new ApiKeys() {
                @Override
                public boolean required() {
                    return false;
                }

                @Override
                public Optional<Caller> find(String key) {
                    return Optional.of(Caller.ANONYMOUS);
                }
            };

    /** Whether callers need a key at all. */
    boolean required();

    /**
     * Who holds this key, or empty when nobody does. Compares hashes of every key in constant time,
     * so that the time taken says nothing about them.
     */
    Optional<Caller> find(String key);

    /**
     * The holder of a key.
     *
     * @param name name of the key in logs, metrics and cache scopes; "" without keys
     * @param minPriority the most urgent priority it may ask for; lower is more urgent
     */
    record Caller(String name, int minPriority) {
        /** Anyone, where no keys are configured. */
        public static final Caller ANONYMOUS = new Caller("", Integer.MIN_VALUE);
    }
}
