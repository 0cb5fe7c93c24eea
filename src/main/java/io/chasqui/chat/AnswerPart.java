package io.chasqui.chat;

/**
 * A piece of an answer that may call tools. Pieces of one kind that follow each other belong
 * together.
 */
public sealed interface AnswerPart {
    /** Text for the user. */
    record Text(String text) implements AnswerPart {}

    /**
     * A call begins. Its arguments follow, before anything else.
     *
     * @param index from 0
     */
    record Call(int index, String name) implements AnswerPart {}

    /** More of the JSON that is the arguments of a call. */
    record Arguments(int index, String json) implements AnswerPart {}
}
