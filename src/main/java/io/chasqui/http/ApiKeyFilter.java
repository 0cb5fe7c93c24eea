package io.chasqui.http;

import io.chasqui.config.ApiKeys;
import io.chasqui.config.HttpConfig;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import jakarta.inject.Singleton;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Lets callers in. Denies by default: it looks at every request before routing and before the body
 * is read, and only compares paths, byte by byte, with the few that are open. A path that is
 * spelled in another way is simply not open.
 */
@Singleton
final class ApiKeyFilter {
    private static final Set<String> LOOPBACK =
            Set.of("localhost", "127.0.0.1", "[::1]", "::1", "0:0:0:0:0:0:0:1");
    private static final String BEARER = "bearer ";

    private final ApiKeys keys;
    private final Set<String> openPaths = new HashSet<>(Set.of("/livez", "/readyz", "/health"));
    private final Set<String> allowedHosts = new HashSet<>(LOOPBACK);
    private final boolean checkHost;

    ApiKeyFilter(
            ApiKeys keys,
            HttpConfig config,
            @ConfigProperty(name = "quarkus.http.host") String bindHost) {
        this.keys = keys;
        checkHost = LOOPBACK.contains(bindHost) || bindHost.startsWith("127.");
        allowedHosts.add(bindHost);
        config.allowedHosts().ifPresent(allowedHosts::addAll);
        openPaths.addAll(Page.PATHS);
        if (config.openMetrics()) {
            openPaths.add("/metrics");
        }
    }

    /** What is wrong with a call, or null when it may go on; then its caller is known. */
    ApiError check(Call call) {
        var request = call.request();
        if (checkHost && !hostAllowed(request)) {
            return ApiError.hostNotAllowed();
        }
        if (isOpen(request)) {
            return null;
        }
        if (!keys.required()) {
            return null;
        }
        var caller = presentedKey(request).flatMap(keys::find);
        caller.ifPresent(call::caller);
        return caller.isPresent() ? null : ApiError.unauthorized();
    }

    /** A page of another site cannot reach a loopback address under a name of its own. */
    private boolean hostAllowed(HttpServerRequest request) {
        var authority = request.authority();
        return authority != null
                && allowedHosts.contains(authority.host().toLowerCase(Locale.ROOT));
    }

    private boolean isOpen(HttpServerRequest request) {
        boolean reads = request.method() == HttpMethod.GET || request.method() == HttpMethod.HEAD;
        return reads && openPaths.contains(request.path());
    }

    private static Optional<String> presentedKey(HttpServerRequest request) {
        var header = request.getHeader("Authorization");
        boolean bearer =
                header != null && header.regionMatches(true, 0, BEARER, 0, BEARER.length());
        return bearer ? Optional.of(header.substring(BEARER.length()).strip()) : Optional.empty();
    }
}
