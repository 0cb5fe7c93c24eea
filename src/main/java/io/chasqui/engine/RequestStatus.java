package io.chasqui.engine;

/** Where a request is; the order matters, all after {@link #PREEMPTED} are ends. */
public enum RequestStatus {
    WAITING,
    RUNNING,
    PREEMPTED,
    FINISHED_STOPPED,
    FINISHED_LENGTH_CAPPED,
    FINISHED_ABORTED,
    FINISHED_ERROR;

    public boolean isFinished() {
        return ordinal() > PREEMPTED.ordinal();
    }
}
