package io.chasqui.backend.cuda;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.ForwardPass;

/**
 * A step that was launched.
 *
 * @param turn which of the two sets of host buffers is its
 */
record CudaForwardPass(ForwardBatch batch, int turn) implements ForwardPass {}
