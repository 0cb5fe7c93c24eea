package io.chasqui.loader;

import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A stretch of mapped memory as a stream. */
final class SegmentInputStream extends InputStream {
    private final MemorySegment segment;
    private long at;

    SegmentInputStream(MemorySegment segment) {
        this.segment = segment;
    }

    @Override
    public int read() {
        return at == segment.byteSize() ? -1 : segment.get(ValueLayout.JAVA_BYTE, at++) & 255;
    }

    @Override
    public int read(byte[] target, int offset, int length) {
        if (length == 0) {
            return 0;
        }
        int n = (int) Math.min(length, segment.byteSize() - at);
        if (n == 0) {
            return -1;
        }
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, at, target, offset, n);
        at += n;
        return n;
    }
}
