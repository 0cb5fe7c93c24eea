/**
 * The CPU backend: kernels on the Vector API, a worker pool, a paged KV cache in off-heap memory.
 */
package io.chasqui.backend.cpu;
