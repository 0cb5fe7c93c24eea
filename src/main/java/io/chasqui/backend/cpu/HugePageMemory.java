package io.chasqui.backend.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.invoke.MethodHandle;

/**
 * Zeroed off-heap memory in pages of 2 MB where the system has them. Streaming through weights in
 * pages of 4 KB is bound by address translation: under a hypervisor, huge pages have doubled the
 * read bandwidth of two cores.
 *
 * <p>Linux only, by {@code mmap} and {@code madvise}; elsewhere, for small sizes, and when the
 * calls fail, the memory comes from the arena.
 */
final class HugePageMemory implements SegmentAllocator {
    private static final long PAGE = 2L << 20;
    private static final long SLAB = 16 * PAGE;
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS = 0x22;
    private static final int MADV_HUGEPAGE = 14;

    private static final boolean LINUX = System.getProperty("os.name").equals("Linux");
    private static final MethodHandle MMAP =
            LINUX
                    ? function(
                            "mmap",
                            FunctionDescriptor.of(
                                    ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT,
                                    JAVA_LONG))
                    : null;
    private static final MethodHandle MADVISE =
            LINUX
                    ? function(
                            "madvise",
                            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT))
                    : null;
    private static final MethodHandle MUNMAP =
            LINUX ? function("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG)) : null;

    private final Arena arena;
    private MemorySegment slab = MemorySegment.NULL;
    private long used;

    /**
     * An allocator for many pieces, each perhaps smaller than a page: they lie one after another in
     * slabs. For one thread.
     */
    HugePageMemory(Arena arena) {
        this.arena = arena;
    }

    @Override
    public MemorySegment allocate(long bytes, long alignment) {
        if (bytes > SLAB / 4) {
            return allocate(arena, bytes);
        }
        long from = Math.ceilDiv(used, alignment) * alignment;
        if (from + bytes > slab.byteSize()) {
            slab = allocate(arena, SLAB);
            from = 0;
        }
        used = from + bytes;
        return slab.asSlice(from, bytes);
    }

    /**
     * Memory that lives as long as {@code arena}, aligned to at least 64 bytes.
     *
     * @throws OutOfMemoryError when the system has no more
     */
    static MemorySegment allocate(Arena arena, long bytes) {
        if (!LINUX || bytes < PAGE) {
            return arena.allocate(bytes, 64);
        }
        long reserved = bytes + PAGE;
        var mapped = map(reserved);
        if (mapped.address() == -1) {
            return arena.allocate(bytes, 64);
        }
        var owned = mapped.reinterpret(reserved, arena, HugePageMemory::unmap);
        var aligned = owned.asSlice(Math.floorMod(-owned.address(), PAGE), bytes);
        advise(aligned);
        return aligned;
    }

    private static MemorySegment map(long bytes) {
        try {
            return (MemorySegment)
                    MMAP.invokeExact(
                            MemorySegment.NULL,
                            bytes,
                            PROT_READ_WRITE,
                            MAP_PRIVATE_ANONYMOUS,
                            -1,
                            0L);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    /** Advice only: refused where huge pages are switched off, which costs speed, not results. */
    private static void advise(MemorySegment memory) {
        try {
            int ignored = (int) MADVISE.invokeExact(memory, memory.byteSize(), MADV_HUGEPAGE);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private static void unmap(MemorySegment memory) {
        try {
            int ignored = (int) MUNMAP.invokeExact(memory, memory.byteSize());
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private static MethodHandle function(String name, FunctionDescriptor type) {
        var linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
    }
}
