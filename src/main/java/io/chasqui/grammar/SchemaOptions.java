package io.chasqui.grammar;

/**
 * How a schema is read.
 *
 * @param strict whether a keyword that cannot be enforced is an error; else it is let go, and named
 *     by {@link Grammar#notEnforced}
 * @param reading of what the schema leaves unsaid
 */
public record SchemaOptions(boolean strict, Reading reading, JsonStyle style) {

    /** What holds where a schema says nothing. */
    public enum Reading {
        /** As the specification says: what is not forbidden is allowed. */
        LITERAL,

        /**
         * As authors of tools mean it: an object that lists its properties has no others, unless
         * {@code additionalProperties} or the like says so; without {@code type}, keywords of one
         * type tell the type; {@code nullable} is honoured.
         */
        INTENDED
    }

    public static final SchemaOptions DEFAULT =
            new SchemaOptions(false, Reading.INTENDED, JsonStyle.COMPACT);

    public SchemaOptions withStrict(boolean value) {
        return new SchemaOptions(value, reading, style);
    }
}
