package io.chasqui.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {

    @ParameterizedTest
    @CsvSource({
        "1000, 1000",
        "4k, 4096",
        "512M, 536870912",
        "512MiB, 536870912",
        "1.5g, 1610612736",
        "2 GB, 2147483648",
        "1T, 1099511627776"
    })
    void readsPowersOf1024(String text, long bytes) {
        assertEquals(bytes, ByteSize.of(text).bytes());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "M", "-1", "1X", "1 2", "1e3", "99999999999T"})
    void refusesAnythingElse(String text) {
        assertThrows(IllegalArgumentException.class, () -> ByteSize.of(text));
    }
}
