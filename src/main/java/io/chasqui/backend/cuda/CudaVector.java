package io.chasqui.backend.cuda;

import io.chasqui.backend.VectorWeights;
import java.util.List;

/**
 * A vector of {@code float}, whole on every rank.
 *
 * @param copies of each rank
 */
record CudaVector(int length, List<DeviceMemory> copies) implements VectorWeights {}
