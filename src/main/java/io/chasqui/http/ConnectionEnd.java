package io.chasqui.http;

import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.GenericFutureListener;
import io.vertx.core.net.impl.ConnectionBase;

/**
 * Closes a call when its connection ends. The response's own handlers do not always tell: when a
 * write fails before the end of the connection is seen, the framework resets the response, which
 * silences them (Vert.x 4.5: {@code Http1xServerResponse.reset} marks it closed).
 */
final class ConnectionEnd {
    private ConnectionEnd() {}

    static void watch(Call call) {
        if (call.request().connection() instanceof ConnectionBase connection) {
            var end = connection.channel().closeFuture();
            GenericFutureListener<Future<Void>> listener = ignored -> call.close();
            end.addListener(listener);
            call.onClose(() -> end.removeListener(listener));
        }
    }
}
