package io.chasqui.cli;

import java.net.InetAddress;
import java.net.UnknownHostException;

/** No server that others can reach without a key, unless the user says so. */
final class BindPolicy {
    private BindPolicy() {}

    /**
     * @param host address to listen on
     * @param keysRequired whether there are API keys
     * @param allowAnonymous whether the user says so
     * @throws UserException if the address is not a loopback one, without keys or permission
     */
    static void check(String host, boolean keysRequired, boolean allowAnonymous) {
        if (!isLoopback(host) && !keysRequired && !allowAnonymous) {
            throw new UserException(
                    "--host "
                            + host
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
