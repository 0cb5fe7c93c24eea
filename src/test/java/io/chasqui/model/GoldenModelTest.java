package io.chasqui.model;

import io.chasqui.testing.TinyModel;
import java.util.stream.IntStream;

/** On the CPU, which computes in float as the reference does. */
class GoldenModelTest extends GoldenModelContract {
    @Override
    TinyModel load(String name) {
        return TinyModel.golden(name, 64);
    }

    @Override
    int[] prompts() {
        return IntStream.range(0, 8).toArray();
    }

    @Override
    double tolerance() {
        return 1e-5;
    }

    @Override
    float minMargin() {
        return 1e-3f;
    }
}
