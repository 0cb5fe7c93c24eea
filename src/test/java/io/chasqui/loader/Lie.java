package io.chasqui.loader;

/**
 * A file that says what cannot be true.
 *
 * @param content the file
 * @param reason part of the message that refuses it
 */
record Lie(byte[] content, String reason) {}
