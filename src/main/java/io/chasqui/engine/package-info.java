/**
 * Continuous batching. Other threads come in through {@link io.chasqui.engine.LlmEngine}; {@link
 * io.chasqui.engine.EngineLoop} is the only writer of requests, scheduler and KV book-keeping, and
 * its step is: schedule, execute, sample, publish.
 */
package io.chasqui.engine;
