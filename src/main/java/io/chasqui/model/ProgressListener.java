package io.chasqui.model;

/** Hears how far the loading of weights has come. */
@FunctionalInterface
public interface ProgressListener {
    /** Ignores everything. */
    ProgressListener NONE = (done, total) -> {};

    /**
     * @param bytesDone bytes of stored weights packed so far
     * @param bytesTotal bytes there are
     */
    void onProgress(long bytesDone, long bytesTotal);
}
