package io.chasqui.model;

/** Largest sizes believed of a model; beyond them a file is damaged or hostile. */
final class ConfigLimits {
    static final int LAYERS = 1 << 10;
    static final int HEADS = 1 << 12;
    static final int HEAD_DIM = 1 << 12;
    static final int WIDTH = 1 << 20;
    static final int VOCAB = 1 << 22;
    static final int CONTEXT = 1 << 28;

    private ConfigLimits() {}
}
