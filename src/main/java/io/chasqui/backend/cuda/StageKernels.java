package io.chasqui.backend.cuda;

import jcuda.driver.CUstream;

/**
 * Which kernel runs a stage, and on which grid. Results do not depend on the grid; it is made for
 * at least as many tokens or rows as the step has.
 */
interface StageKernels {

    /** A kernel on its grid: its parameters are written, then it is run. */
    record Launch(Kernel kernel, int columns, int rows, int threads, int sharedBytes) {

        ParameterBlock parameters() {
            return kernel.parameters();
        }

        void run(CUstream stream) {
            kernel.launch(stream, columns, rows, threads, sharedBytes);
        }
    }

    Launch embedding(int tokens);

    /**
     * @param rows of the matrix
     */
    Launch qkvProjection(int rows, int tokens);

    Launch pagedAttention();

    Launch attentionCombine();

    /**
     * @param rows of the matrix: the width of the residual
     */
    Launch residualProjection(int rows, int tokens);

    Launch allReduce(int tokens);

    /**
     * @param rows of the matrix: twice the inner width
     */
    Launch gateUp(int rows, int tokens);

    /**
     * @param rows of the matrix
     * @param logits rows of logits
     */
    Launch lmHead(int rows, int logits);

    /**
     * @param logits rows of logits
     */
    Launch sampling(int logits);
}
