package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BindPolicyTest {

    @ParameterizedTest
    @ValueSource(strings = {"0.0.0.0", "::", "192.168.1.7", "10.0.0.1"})
    void anAddressOthersReachNeedsKeysOrPermission(String host) {
        var e = assertThrows(UserException.class, () -> BindPolicy.check(host, false, false));
        assertTrue(e.getMessage().contains("chasqui key new"), e.getMessage());
        assertDoesNotThrow(() -> BindPolicy.check(host, true, false));
        assertDoesNotThrow(() -> BindPolicy.check(host, false, true));
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "127.3.2.1", "::1", "localhost"})
    void aLoopbackAddressNeedsNone(String host) {
        assertDoesNotThrow(() -> BindPolicy.check(host, false, false));
    }
}
