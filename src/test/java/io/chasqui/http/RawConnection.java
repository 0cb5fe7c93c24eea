package io.chasqui.http;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * One connection, kept open, on which a request can say what it likes: no client library mends its
 * path. Characters are bytes (ISO 8859-1).
 */
final class RawConnection implements AutoCloseable {
    private final Socket socket;
    private final InputStream in;

    RawConnection(URI base) throws IOException {
        socket = new Socket(base.getHost(), base.getPort());
        socket.setSoTimeout(10_000);
        socket.setTcpNoDelay(true);
        in = new BufferedInputStream(socket.getInputStream(), 64 * 1024);
    }

    /**
     * A request without a body.
     *
     * @param headers lines that each end with CR LF
     * @param host whom it calls
     */
    record Request(String verb, String target, String headers, String host) {
        Request(String verb, String target, String headers) {
            this(verb, target, headers, "localhost");
        }

        private byte[] bytes() {
            var text =
                    verb + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "\r\n";
            return text.getBytes(StandardCharsets.ISO_8859_1);
        }
    }

    /**
     * What came back.
     *
     * @param headers by name in lower case; without {@code x-request-id}, which always differs
     */
    record Answer(int status, Map<String, String> headers, String body) {}

    Answer send(String verb, String target, String headers) throws IOException {
        return send(List.of(new Request(verb, target, headers))).getFirst();
    }

    /** Sends all at once and then reads all answers, in order. */
    List<Answer> send(List<Request> requests) throws IOException {
        var all = new ByteArrayOutputStream();
        for (var request : requests) {
            all.writeBytes(request.bytes());
        }
        socket.getOutputStream().write(all.toByteArray());
        var answers = new ArrayList<Answer>();
        for (var request : requests) {
            answers.add(read(request));
        }
        return answers;
    }

    private Answer read(Request request) throws IOException {
        int status = Integer.parseInt(line(request).substring(9, 12));
        var headers = new TreeMap<String, String>();
        for (var line = line(request); !line.isEmpty(); line = line(request)) {
            int colon = line.indexOf(": ");
            headers.put(line.substring(0, colon).toLowerCase(), line.substring(colon + 2));
        }
        headers.remove("x-request-id");
        boolean empty = request.verb().equals("HEAD") || status == 204 || status == 304;
        int length = empty ? 0 : Integer.parseInt(headers.getOrDefault("content-length", "0"));
        if (!empty && headers.containsKey("transfer-encoding")) {
            throw new IOException("an answer in chunks to " + request + ": " + headers);
        }
        return new Answer(
                status, headers, new String(in.readNBytes(length), StandardCharsets.UTF_8));
    }

    private String line(Request request) throws IOException {
        var line = new StringBuilder();
        for (int b = in.read(); b != '\n'; b = in.read()) {
            if (b < 0) {
                throw new IOException("closed instead of an answer to " + request);
            }
            line.append((char) b);
        }
        return line.substring(0, line.length() - 1);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
