package io.chasqui.catalog;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;

/** A web server on this machine with files, byte ranges, and faults to order. */
final class FileServer implements AutoCloseable {
    private final HttpServer server;
    private final Map<String, Content> files = new ConcurrentHashMap<>();
    final List<String> requests = new CopyOnWriteArrayList<>();

    /** The body of a path, and how it is served. */
    private static final class Content {
        byte[] bytes;
        int status = 200;
        String errorCode;
        String location;
        String etag = "\"1\"";
        int breakOffAfter = -1;
        int breakOffs;
        long delayMillis;
        boolean hangs;
    }

    FileServer() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/", this::answer);
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    FileServer put(String path, byte[] bytes) {
        content(path).bytes = bytes;
        return this;
    }

    FileServer etag(String path, String etag) {
        content(path).etag = etag;
        return this;
    }

    FileServer refuse(String path, int status, String errorCode) {
        content(path).status = status;
        content(path).errorCode = errorCode;
        return this;
    }

    FileServer redirect(String path, String location) {
        content(path).status = 302;
        content(path).location = location;
        return this;
    }

    /** The next answers end after so many bytes, although they promised more. */
    FileServer breakOff(String path, int bytes, int times) {
        content(path).breakOffAfter = bytes;
        content(path).breakOffs = times;
        return this;
    }

    /** Waits before it answers. */
    FileServer delay(String path, long millis) {
        content(path).delayMillis = millis;
        return this;
    }

    /** The next broken off answer stays open instead of ending. */
    FileServer hang(String path) {
        content(path).hangs = true;
        return this;
    }

    private Content content(String path) {
        return files.computeIfAbsent(path, _ -> new Content());
    }

    private void answer(HttpExchange exchange) throws IOException {
        var path = exchange.getRequestURI().toString();
        var headers = exchange.getRequestHeaders();
        requests.add(
                path
                        + " range="
                        + headers.getFirst("Range")
                        + " token="
                        + headers.getFirst("Authorization"));
        var content = files.get(path);
        if (content == null) {
            exchange.sendResponseHeaders(404, -1);
            return;
        }
        pause(content.delayMillis);
        if (content.errorCode != null) {
            exchange.getResponseHeaders().set("X-Error-Code", content.errorCode);
        }
        if (content.status != 200) {
            if (content.location != null) {
                exchange.getResponseHeaders().set("Location", content.location);
            }
            exchange.sendResponseHeaders(content.status, -1);
            return;
        }
        serve(exchange, content);
    }

    private static void serve(HttpExchange exchange, Content content) throws IOException {
        int from = 0;
        var range = exchange.getRequestHeaders().getFirst("Range");
        var ifRange = exchange.getRequestHeaders().getFirst("If-Range");
        if (range != null && (ifRange == null || ifRange.equals(content.etag))) {
            from = Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
        }
        int total = content.bytes.length;
        var answer = exchange.getResponseHeaders();
        if (from >= total) {
            answer.set("Content-Range", "bytes */" + total);
            exchange.sendResponseHeaders(416, -1);
            return;
        }
        if (content.etag != null) {
            answer.set("ETag", content.etag);
        }
        if (from > 0) {
            answer.set("Content-Range", "bytes " + from + "-" + (total - 1) + "/" + total);
        }
        exchange.sendResponseHeaders(from > 0 ? 206 : 200, total - from);
        var body = exchange.getResponseBody();
        if (content.breakOffs > 0) {
            content.breakOffs--;
            body.write(content.bytes, from, Math.min(content.breakOffAfter, total - from));
            body.flush();
            if (content.hangs) {
                pause(60_000);
            }
            exchange.close();
            return;
        }
        body.write(Arrays.copyOfRange(content.bytes, from, total));
        exchange.close();
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
