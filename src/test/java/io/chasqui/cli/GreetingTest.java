package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GreetingTest {

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, http://127.0.0.1:80",
        "0.0.0.0, http://127.0.0.1:80",
        "::, http://[::1]:80",
        "::1, http://[::1]:80",
        "box.lan, http://box.lan:80"
    })
    void theAddressIsOneThatThisMachineReaches(String host, String url) {
        assertEquals(url, Greeting.url(host, 80));
    }

    @Test
    void theCurlLineSendsAKeyWhereOneIsNeeded() {
        assertTrue(Greeting.text("u", "m", true, "").contains("Bearer $CHASQUI_API_KEY"));
        assertFalse(Greeting.text("u", "m", false, "").contains("Bearer"));
    }
}
