package io.chasqui.kvcache;

/**
 * 128-bit keyed hash of a full block and of all blocks before it. Only an index: a hit is confirmed
 * by comparing the tokens.
 */
public record BlockHash(long high, long low) {}
