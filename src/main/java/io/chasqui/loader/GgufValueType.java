package io.chasqui.loader;

/** Value types of GGUF metadata by number. */
final class GgufValueType {
    static final int U8 = 0;
    static final int I8 = 1;
    static final int U16 = 2;
    static final int I16 = 3;
    static final int U32 = 4;
    static final int I32 = 5;
    static final int F32 = 6;
    static final int BOOL = 7;
    static final int STRING = 8;
    static final int ARRAY = 9;
    static final int U64 = 10;
    static final int I64 = 11;
    static final int F64 = 12;

    private GgufValueType() {}

    /** Fewest bytes a value of the type takes; 0 for an unknown type. */
    static int minBytes(int type) {
        return switch (type) {
            case U8, I8, BOOL -> 1;
            case U16, I16 -> 2;
            case U32, I32, F32 -> 4;
            case STRING, U64, I64, F64 -> 8;
            case ARRAY -> 12;
            default -> 0;
        };
    }
}
