package io.chasqui.loader;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A tensor of a type that weights here cannot have, e.g. integers: usable by who knows what it is.
 *
 * @param type name of its type, as the file has it
 * @param shape outermost dimension first
 * @param data row-major, little-endian
 */
public record OtherTensor(String type, List<Long> shape, MemorySegment data) {}
