package io.chasqui.backend;

/**
 * All a forward pass reads: the tokens of this step, ragged over sequences, and where their keys
 * and values go. Immutable by contract; built once per step.
 *
 * @param tokens ids, {@code [numTokens]}; {@code -1 - i} is the token that row i of the pass before
 *     has sampled, on backends that pipeline passes
 * @param positions absolute positions, {@code [numTokens]}
 * @param slotMapping KV slot of each token, {@code block * blockSize + offset}
 * @param queryStart token offset of each sequence, {@code [numSequences + 1]}
 * @param seqLens length of each sequence when this step is done, {@code [numSequences]}
 * @param blockTables block ids of each sequence in order, {@code [numSequences][...]}
 * @param rows the rows of logits that are wanted, in ascending order of token
 */
public record ForwardBatch(
        int[] tokens,
        int[] positions,
        int[] slotMapping,
        int[] queryStart,
        int[] seqLens,
        int[][] blockTables,
        LogitsRow[] rows) {

    public int numTokens() {
        return tokens.length;
    }

    public int numSequences() {
        return seqLens.length;
    }
}
