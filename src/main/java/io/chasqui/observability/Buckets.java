package io.chasqui.observability;

import java.util.stream.DoubleStream;
import java.util.stream.LongStream;

/** Upper bounds of histogram buckets, vLLM's. */
final class Buckets {
    static final double[] FIRST_TOKEN = {
        .001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160,
        640, 2560
    };
    static final double[] TOKEN_LATENCY = {
        .01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80
    };
    static final double[] REQUEST_TIME = {
        .3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680
    };
    static final double[] ITERATION_TOKENS = {
        1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384
    };
    static final double[] CHOICES = {1, 2, 5, 10, 20};

    private Buckets() {}

    /** 1, 2, 5, 10, 20, 50 … up to {@code max}. */
    static double[] oneTwoFive(int max) {
        return LongStream.iterate(1, power -> power <= max, power -> power * 10)
                .mapToObj(power -> DoubleStream.of(power, 2.0 * power, 5.0 * power))
                .flatMapToDouble(bounds -> bounds)
                .filter(bound -> bound <= max)
                .toArray();
    }
}
