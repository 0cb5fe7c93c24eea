package io.chasqui.backend.cuda;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.ForwardPass;

/**
 * A step that devices were given.
 *
 * @param turn which of the two sets of host buffers is its
 * @param launch its launching, which the threads of the devices do while the engine goes on
 */
record CudaForwardPass(ForwardBatch batch, int turn, RankGroup.Running launch)
        implements ForwardPass {}
