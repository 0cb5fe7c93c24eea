package io.chasqui.http;

import io.quarkus.resteasy.reactive.server.runtime.ResteasyReactiveRecorder;
import io.vertx.ext.web.Router;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jboss.resteasy.reactive.server.handlers.ClassRoutingHandler;
import org.jboss.resteasy.reactive.server.mapping.RequestMapper.RequestPath;
import org.jboss.resteasy.reactive.server.mapping.RuntimeResource;

/** The paths that a running server has something behind, as the frameworks themselves list them. */
final class ServedRoutes {
    private ServedRoutes() {}

    /**
     * All paths, a parameter filled in with {@code parameter}.
     *
     * @param router the server's own
     */
    static Set<String> of(Router router, String parameter) {
        var paths = new TreeSet<String>();
        addRoutes("", router, paths);
        resources().forEach(path -> paths.add(path.replaceAll("\\{[^}]*}", parameter)));
        if (paths.remove("")) {
            paths.add("/");
        }
        return paths;
    }

    private static void addRoutes(String at, Router router, Set<String> paths) {
        for (var route : router.getRoutes()) {
            if (route.getPath() == null) {
                continue;
            }
            var path = canonical(at + route.getPath());
            paths.add(path);
            if (route.getSubRouter() != null) {
                addRoutes(path, route.getSubRouter(), paths);
            }
        }
    }

    private static Stream<String> resources() {
        return ResteasyReactiveRecorder.getCurrentDeployment().getClassMappers().stream()
                .flatMap(
                        resource ->
                                Stream.of(resource.value.handlers)
                                        .filter(ClassRoutingHandler.class::isInstance)
                                        .map(ClassRoutingHandler.class::cast)
                                        .flatMap(ServedRoutes::methods)
                                        .map(method -> join(resource, method)));
    }

    private static Stream<RuntimeResource> methods(ClassRoutingHandler resource) {
        return resource.getMappers().values().stream()
                .filter(Objects::nonNull)
                .flatMap(mapper -> mapper.getTemplates().stream())
                .map(template -> template.value);
    }

    private static String join(RequestPath<?> resource, RuntimeResource method) {
        return canonical(resource.template.template + "/" + method.getPath().template);
    }

    private static String canonical(String path) {
        var once = path.replaceAll("/+", "/");
        return once.endsWith("/") ? once.substring(0, once.length() - 1) : once;
    }
}
