package io.chasqui.backend.cuda;

import io.chasqui.backend.LinearRole;
import io.chasqui.backend.ModelShape;
import io.chasqui.backend.RankShape;

/**
 * Which part of a matrix a rank holds, and in which order its rows lie; see {@code params.cuh}.
 *
 * @param rows stacked row that each packed row holds
 * @param firstColumn of the columns held
 * @param columns columns held
 */
record Shard(int[] rows, int firstColumn, int columns) {
    /**
     * Rows that belong together in one instruction's operand: eight of one kind, eight of another.
     */
    private static final int HALF_GROUP = 8;

    static Shard of(ModelShape shape, LinearRole role, int ranks, int rank, int columns) {
        var part = new RankShape(shape, ranks);
        return switch (role) {
            case EMBEDDING, HEAD -> new Shard(vocabulary(part, rank), 0, columns);
            case QKV -> new Shard(qkv(part, rank), 0, columns);
            case GATE_UP -> new Shard(gateUp(part, rank), 0, columns);
            case ATTENTION_OUTPUT -> columns(shape, rank, part.attention());
            case DOWN -> columns(shape, rank, part.ffn());
        };
    }

    private static int[] vocabulary(RankShape part, int rank) {
        int first = rank * part.vocab();
        int end = Math.min(part.model().vocab(), first + part.vocab());
        return range(first, Math.max(first, end));
    }

    private static Shard columns(ModelShape shape, int rank, int columns) {
        return new Shard(range(0, shape.hidden()), rank * columns, columns);
    }

    private static int[] range(int from, int to) {
        int[] rows = new int[to - from];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = from + i;
        }
        return rows;
    }

    /** Heads of q, then k, then v; in those of q and k the pairs that RoPE rotates together. */
    private static int[] qkv(RankShape part, int rank) {
        var shape = part.model();
        int width = shape.headDim();
        int firstKv = rank * shape.kvHeads() / part.ranks();
        int[] rows = new int[part.attention() + 2 * part.kvHeads() * width];
        int at = 0;
        for (int h = 0; h < part.heads(); h++) {
            at = rotated(rows, at, (rank * part.heads() + h) * width, width);
        }
        int keys = shape.heads() * width;
        for (int h = 0; h < part.kvHeads(); h++) {
            at = rotated(rows, at, keys + (firstKv + h) * width, width);
        }
        int values = keys + shape.kvHeads() * width + firstKv * width;
        for (int i = 0; i < part.kvHeads() * width; i++) {
            rows[at++] = values + i;
        }
        return rows;
    }

    private static int rotated(int[] rows, int at, int first, int width) {
        return interleaved(rows, at, first, first + width / 2, width / 2);
    }

    private static int[] gateUp(RankShape part, int rank) {
        int[] rows = new int[2 * part.ffn()];
        int first = rank * part.ffn();
        interleaved(rows, 0, first, part.model().ffn() + first, part.ffn());
        return rows;
    }

    /** Eight rows from {@code left}, eight from {@code right}, and so on. */
    private static int interleaved(int[] rows, int at, int left, int right, int count) {
        for (int i = 0; i < count; i += HALF_GROUP) {
            for (int j = 0; j < HALF_GROUP; j++) {
                rows[at + j] = left + i + j;
                rows[at + HALF_GROUP + j] = right + i + j;
            }
            at += 2 * HALF_GROUP;
        }
        return at;
    }
}
