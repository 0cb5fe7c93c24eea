/**
 * Book-keeping of the paged KV cache: which block holds which tokens of which sequence. Knows ints
 * and lists only, no tensors; called from the engine's thread alone.
 */
package io.chasqui.kvcache;
