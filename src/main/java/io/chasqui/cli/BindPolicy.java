package io.chasqui.cli;

import io.chasqui.config.ApiKeys;
import io.chasqui.config.ChasquiConfig;
import java.net.InetAddress;
import java.net.UnknownHostException;

/** No server that others can reach without a key, unless the user says so. */
final class BindPolicy {
    private BindPolicy() {}

    /**
     * @throws UserException if the address is not a loopback one and there are no keys
     */
    static void check(ChasquiConfig config, ApiKeys keys) {
        if (!isLoopback(config.host()) && !keys.required() && !config.allowAnonymous()) {
            throw new UserException(
                    "--host "
                            + config.host()
                            + " can be reached from other machines, and there are no API keys. Make one"
                            + " with `chasqui key new`, or pass --allow-anonymous.");
        }
    }

    static boolean isLoopback(String host) {
        try {
            return InetAddress.getByName(host).isLoopbackAddress();
        } catch (UnknownHostException e) {
            throw new UserException("--host " + host + " is not an address of this machine.");
        }
    }
}
