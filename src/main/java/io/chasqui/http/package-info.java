/**
 * The OpenAI wire: requests read strictly, answers and errors written byte by byte.
 *
 * <p>The way of a chat request: {@link io.chasqui.http.FrontDoor} lets it in, {@link
 * io.chasqui.http.ChatCompletionsResource} reads it, {@link io.chasqui.http.Generations} renders
 * and submits it, {@link io.chasqui.http.OutputPublisher} carries the outputs to the socket in the
 * form a {@link io.chasqui.http.ResponseWriter} gives them.
 */
package io.chasqui.http;
