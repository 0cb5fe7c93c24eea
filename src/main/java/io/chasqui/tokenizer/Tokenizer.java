package io.chasqui.tokenizer;

/** Text to token ids and back. Safe for use by many threads. */
public interface Tokenizer {

    /** Ids of {@code text}; spellings of special tokens in it are encoded as ordinary text. */
    int[] encode(String text);

    /** Ids of {@code text}, with spellings of special tokens read as those tokens. */
    int[] encodeWithSpecials(String text);

    /** The bytes a token stands for; for a special token the UTF-8 bytes of its name. */
    byte[] bytes(int token);

    /** Whether a token is a control token, which is never part of an answer's text. */
    boolean isSpecial(int token);

    /** Id of the special token with this name, or -1. */
    int specialToken(String name);

    /** Number of ids, special ones included. */
    int vocabSize();

    /** Begin-of-text token that a plain prompt starts with, or -1 when the model uses none. */
    int bosToken();

    /** Text of these tokens; bytes that are not UTF-8 become U+FFFD. */
    String decode(int[] tokens);
}
