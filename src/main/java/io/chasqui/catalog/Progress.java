package io.chasqui.catalog;

/** Looks on while a model is fetched. Calls come from one thread at a time. */
public interface Progress {
    /** Tells nobody. */
    Progress NONE = new Progress() {};

    /** Something worth a line: a source that is tried, a reason why one failed. */
    default void say(String line) {}

    /**
     * A download is under way.
     *
     * @param file its name
     * @param done bytes that are here, those of an earlier attempt included
     * @param total bytes in all, or -1 when not known
     */
    default void bytes(String file, long done, long total) {}

    /** The download that {@link #bytes} told of has ended, well or not. */
    default void ended() {}
}
