package io.chasqui.catalog;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.regex.Pattern;

/**
 * Fetches over HTTP: follows redirects without taking the token to another host, resumes a half
 * download by range, gives up on a connection that stalls.
 */
final class HttpDownload {
    private static final int MAX_REDIRECTS = 10;
    private static final int MAX_IDLE_ATTEMPTS = 4;
    private static final Pattern CONTENT_RANGE = Pattern.compile("bytes (\\d+)-\\d+/(\\d+)");

    private final Timeouts timeouts;
    private final Progress progress;
    private final HttpClient client;

    /**
     * How long to wait.
     *
     * @param connect for a connection
     * @param response for the head of a response
     * @param stall for the next bytes of a body
     * @param retry before a download that broke off is resumed
     */
    record Timeouts(Duration connect, Duration response, Duration stall, Duration retry) {
        static final Timeouts DEFAULT =
                new Timeouts(
                        Duration.ofSeconds(5),
                        Duration.ofSeconds(30),
                        Duration.ofSeconds(30),
                        Duration.ofSeconds(2));
    }

    HttpDownload(Timeouts timeouts, Progress progress) {
        this.timeouts = timeouts;
        this.progress = progress;
        this.client =
                HttpClient.newBuilder()
                        .connectTimeout(timeouts.connect())
                        .followRedirects(HttpClient.Redirect.NEVER)
                        .build();
    }

    /**
     * Opens {@code uri}.
     *
     * @param token sent as a bearer token to the host of {@code uri} alone; may be null
     * @param offset first byte wanted
     * @param etag what the first bytes belong to, or null
     * @throws StatusException if the answer is neither 200, 206 nor 416
     */
    HttpResponse<InputStream> open(URI uri, String token, long offset, String etag)
            throws IOException {
        var at = uri;
        for (int i = 0; i < MAX_REDIRECTS; i++) {
            var response = send(request(at, sameOrigin(at, uri) ? token : null, offset, etag));
            int status = response.statusCode();
            if (status == 200 || status == 206 || status == 416) {
                return response;
            }
            response.body().close();
            if (status < 301 || status > 308 || status == 304) {
                throw new StatusException(
                        status, response.headers().firstValue("X-Error-Code").orElse(""));
            }
            var next =
                    at.resolve(
                            response.headers()
                                    .firstValue("Location")
                                    .orElseThrow(() -> new IOException("redirect to nowhere")));
            if (at.getScheme().equals("https") && !"https".equals(next.getScheme())) {
                throw new IOException("redirect from https to " + next.getScheme());
            }
            at = next;
        }
        throw new IOException("more than " + MAX_REDIRECTS + " redirects");
    }

    private HttpRequest request(URI uri, String token, long offset, String etag) {
        var request =
                HttpRequest.newBuilder(uri)
                        .timeout(timeouts.response())
                        .header("User-Agent", "chasqui");
        if (token != null) {
            request.header("Authorization", "Bearer " + token);
        }
        if (offset > 0) {
            request.header("Range", "bytes=" + offset + "-");
            if (etag != null) {
                request.header("If-Range", etag);
            }
        }
        return request.build();
    }

    private HttpResponse<InputStream> send(HttpRequest request) throws IOException {
        try {
            return client.send(request, BodyHandlers.ofInputStream());
        } catch (ConnectException e) {
            var reason =
                    e.getCause() instanceof UnresolvedAddressException
                            ? "unknown host"
                            : "no connection";
            throw new IOException(reason + " (" + request.uri().getHost() + ")", e);
        } catch (java.net.http.HttpTimeoutException e) {
            throw new IOException("no answer in time from " + request.uri().getHost(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static boolean sameOrigin(URI a, URI b) {
        return a.getScheme().equals(b.getScheme())
                && a.getHost().equalsIgnoreCase(b.getHost())
                && a.getPort() == b.getPort();
    }

    /**
     * Fetches {@code uri} into {@code target}, by way of a file beside it that a later call goes on
     * with.
     *
     * @return the checksum
     */
    String fetch(URI uri, String token, Path target, Expected expected) throws IOException {
        Files.createDirectories(target.getParent());
        var part = new Part(target);
        int idleAttempts = 0;
        try {
            while (true) {
                long before = part.size();
                try {
                    attempt(uri, token, part, expected);
                    break;
                } catch (BrokenOffException e) {
                    idleAttempts = part.size() > before ? 0 : idleAttempts + 1;
                    if (idleAttempts == MAX_IDLE_ATTEMPTS) {
                        throw new IOException("the download broke off: " + e.getMessage(), e);
                    }
                    pause();
                }
            }
        } finally {
            progress.ended();
        }
        var checksum = part.digest.hex();
        part.forget();
        expected.accept(part.file, target, checksum);
        return checksum;
    }

    private void pause() throws IOException {
        try {
            Thread.sleep(timeouts.retry());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private void attempt(URI uri, String token, Part part, Expected expected)
            throws IOException, BrokenOffException {
        if (part.etag() == null && expected.sha256() == null) {
            part.clear(); // nothing would show that the two halves belong together
        }
        long offset = part.size();
        var response = open(uri, token, offset, part.etag());
        if (response.statusCode() == 416) {
            response.body().close();
            if (endOfFile(response) == offset) {
                part.readBack();
                return;
            }
            part.clear();
            throw new BrokenOffException(new IOException("the file changed"));
        }
        long total = total(response, offset);
        if (response.statusCode() == 200) {
            part.clear();
        }
        if (total >= 0) {
            expected.checkSize(total);
        }
        part.etag(response.headers().firstValue("ETag").orElse(null));
        part.readBack();
        var name = part.target.getFileName().toString();
        long[] done = {part.size()};
        progress.bytes(name, done[0], total);
        try (var body = new StallGuard(response.body(), timeouts.stall());
                var out =
                        Files.newOutputStream(
                                part.file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            part.digest.copy(
                    body,
                    out,
                    n -> {
                        done[0] += n;
                        progress.bytes(name, done[0], total);
                    });
        } catch (IOException e) {
            throw new BrokenOffException(e);
        }
        if (total >= 0 && done[0] < total) {
            throw new BrokenOffException(new IOException(done[0] + " of " + total + " bytes"));
        }
    }

    /** Bytes of the whole file, or -1; refuses a range other than the one asked for. */
    private static long total(HttpResponse<?> response, long offset) throws IOException {
        if (response.statusCode() == 200) {
            return response.headers().firstValueAsLong("Content-Length").orElse(-1);
        }
        var range =
                CONTENT_RANGE.matcher(response.headers().firstValue("Content-Range").orElse(""));
        if (!range.matches() || Long.parseLong(range.group(1)) != offset) {
            throw new IOException("the server answered with another range than asked for");
        }
        return Long.parseLong(range.group(2));
    }

    /** Size of the file as told by an answer that there is nothing at the offset asked for. */
    private static long endOfFile(HttpResponse<?> response) {
        var range = response.headers().firstValue("Content-Range").orElse("");
        return range.matches("bytes \\*/\\d{1,18}") ? Long.parseLong(range.substring(8)) : -1;
    }

    /** An answer that is not a file. */
    static final class StatusException extends IOException {
        private static final long serialVersionUID = 1;
        final int status;
        final String code;

        StatusException(int status, String code) {
            super("HTTP status " + status + (code.isEmpty() ? "" : " " + code));
            this.status = status;
            this.code = code;
        }
    }

    /** A download that ended early and may be resumed. */
    private static final class BrokenOffException extends Exception {
        private static final long serialVersionUID = 1;

        BrokenOffException(IOException cause) {
            super(cause.getMessage(), cause);
        }
    }

    /** The half of a file that is here, with the entity tag it belongs to beside it. */
    private static final class Part {
        final Path target;
        final Path file;
        final Sha256 digest = new Sha256();
        private final Path etag;

        Part(Path target) {
            this.target = target;
            this.file = target.resolveSibling(target.getFileName() + ".part");
            this.etag = target.resolveSibling(target.getFileName() + ".part.etag");
        }

        long size() throws IOException {
            return Files.exists(file) ? Files.size(file) : 0;
        }

        String etag() throws IOException {
            return Files.exists(etag) ? Files.readString(etag) : null;
        }

        /** Weak tags say nothing about bytes and are not kept. */
        void etag(String value) throws IOException {
            if (value == null || value.startsWith("W/")) {
                forget();
            } else {
                Files.writeString(etag, value);
            }
        }

        void forget() throws IOException {
            Files.deleteIfExists(etag);
        }

        void clear() throws IOException {
            Files.deleteIfExists(file);
        }

        void readBack() throws IOException {
            digest.hex();
            if (Files.exists(file)) {
                digest.file(file);
            }
        }
    }

    /** Closes a body that yields nothing for some time, so that its reader fails and goes on. */
    private static final class StallGuard extends FilterInputStream {
        private final Thread guard;
        private volatile long lastRead = System.nanoTime();

        StallGuard(InputStream body, Duration limit) {
            super(body);
            guard = Thread.ofVirtual().start(() -> watch(limit));
        }

        private void watch(Duration limit) {
            try {
                while (System.nanoTime() - lastRead < limit.toNanos()) {
                    Thread.sleep(limit.dividedBy(4));
                }
                in.close();
            } catch (InterruptedException | IOException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int n = super.read(bytes, offset, length);
            lastRead = System.nanoTime();
            return n;
        }

        @Override
        public void close() throws IOException {
            guard.interrupt();
            super.close();
        }
    }
}
