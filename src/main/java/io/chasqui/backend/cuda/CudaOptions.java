package io.chasqui.backend.cuda;

/**
 * How GPUs are used.
 *
 * @param memoryUtilization share of a GPU's memory that may be taken
 * @param graphs whether steps that decode are recorded and replayed as CUDA graphs
 * @param plain whether the plain kernels run, which are slow, the measure of the others
 */
public record CudaOptions(double memoryUtilization, boolean graphs, boolean plain) {}
