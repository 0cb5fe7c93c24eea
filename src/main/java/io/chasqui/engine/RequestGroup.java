package io.chasqui.engine;

import java.util.ArrayList;
import java.util.List;

/** The choices of one {@link GenerationRequest}, with what they have in common. */
final class RequestGroup {
    private final GenerationRequest request;
    private final OutputBuffer outputs;
    private final long arrivalNanos;
    private final List<Request> choices = new ArrayList<>();

    /** Order of arrival; set when the engine takes the request. */
    private long arrival;

    private long scheduledNanos = -1;

    private final List<Expiry> expiries = new ArrayList<>();

    RequestGroup(GenerationRequest request, OutputBuffer outputs, long arrivalNanos) {
        this.request = request;
        this.outputs = outputs;
        this.arrivalNanos = arrivalNanos;
    }

    GenerationRequest request() {
        return request;
    }

    OutputBuffer outputs() {
        return outputs;
    }

    long arrivalNanos() {
        return arrivalNanos;
    }

    List<Request> choices() {
        return choices;
    }

    long arrival() {
        return arrival;
    }

    void arrival(long n) {
        arrival = n;
    }

    /** When the first choice was first scheduled, or -1. */
    long scheduledNanos() {
        return scheduledNanos;
    }

    void scheduled(long nanos) {
        scheduledNanos = nanos;
    }

    List<Expiry> expiries() {
        return expiries;
    }

    boolean isFinished() {
        for (var choice : choices) {
            if (!choice.status().isFinished()) {
                return false;
            }
        }
        return true;
    }
}
