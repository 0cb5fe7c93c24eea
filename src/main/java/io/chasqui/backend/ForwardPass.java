package io.chasqui.backend;

/**
 * The activations of one step on a backend: residual stream, queries, attention output, logits.
 * Only the backend that made it looks inside. A backend has one workspace, so one pass is open at a
 * time.
 */
public interface ForwardPass {
    ForwardBatch batch();
}
