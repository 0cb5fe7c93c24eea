package io.chasqui.catalog;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HttpDownloadTest {
    private static final HttpDownload.Timeouts QUICK =
            new HttpDownload.Timeouts(
                    Duration.ofSeconds(2),
                    Duration.ofSeconds(1),
                    Duration.ofMillis(400),
                    Duration.ofMillis(10));
    private static final String PATH = "/file.bin";

    @TempDir Path folder;
    private FileServer server;
    private final byte[] content = new byte[300_000];
    private final List<Long> seen = new ArrayList<>();

    @BeforeEach
    void start() throws IOException {
        new Random(7).nextBytes(content);
        server = new FileServer().put(PATH, content);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private String fetch(Expected expected) throws IOException {
        var progress =
                new Progress() {
                    @Override
                    public void bytes(String file, long done, long total) {
                        seen.add(done);
                    }
                };
        return new HttpDownload(QUICK, progress)
                .fetch(URI.create(server.url() + PATH), null, target(), expected);
    }

    private Path target() {
        return folder.resolve("sub/file.bin");
    }

    private Path beside(String suffix) {
        return folder.resolve("sub/file.bin" + suffix);
    }

    private String sha256() throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    }

    private void putHalf(int bytes, String etag) throws IOException {
        Files.createDirectories(target().getParent());
        Files.write(beside(".part"), java.util.Arrays.copyOf(content, bytes));
        if (etag != null) {
            Files.writeString(beside(".part.etag"), etag);
        }
    }

    private void assertComplete() throws IOException {
        assertArrayEquals(content, Files.readAllBytes(target()));
        try (var files = Files.list(target().getParent())) {
            assertEquals(List.of(target()), files.toList(), "nothing is left beside the file");
        }
    }

    @Test
    void fetchesAndTellsTheChecksum() throws Exception {
        assertEquals(sha256(), fetch(new Expected(sha256(), (long) content.length)));
        assertComplete();
        assertEquals(0, seen.getFirst());
        assertEquals(content.length, seen.getLast());
    }

    @Test
    void goesOnWithTheHalfOfAnEarlierRun() throws Exception {
        putHalf(100_000, "\"1\"");
        assertEquals(sha256(), fetch(new Expected(sha256(), null)));
        assertComplete();
        assertTrue(server.requests.getFirst().contains("range=bytes=100000-"));
        assertEquals(100_000, seen.getFirst());
    }

    @Test
    void startsAnewWhenTheFileHasChangedMeanwhile() throws Exception {
        putHalf(100_000, "\"older\"");
        fetch(Expected.NOTHING);
        assertComplete();
    }

    @Test
    void aHalfThatNothingVouchesForIsNotUsed() throws Exception {
        Files.createDirectories(target().getParent());
        Files.write(beside(".part"), new byte[100_000]);
        fetch(Expected.NOTHING);
        assertComplete();
        assertTrue(server.requests.getFirst().contains("range=null"));
    }

    @Test
    void aDownloadThatOnlyLacksItsLastStepIsFinished() throws Exception {
        putHalf(content.length, "\"1\"");
        assertEquals(sha256(), fetch(new Expected(sha256(), null)));
        assertComplete();
    }

    @Test
    void resumesByItselfWhenTheConnectionBreaks() throws Exception {
        server.breakOff(PATH, 70_000, 3);
        assertEquals(sha256(), fetch(new Expected(sha256(), null)));
        assertComplete();
        assertEquals(4, server.requests.size());
        // What was sent just before a break may be lost with the connection.
        int from = 0;
        for (var request : server.requests.subList(1, 4)) {
            int start = Integer.parseInt(request.replaceAll("(?s).*range=bytes=(\\d+)-.*", "$1"));
            assertTrue(start >= from && start <= from + 70_000, request);
            from = start;
        }
        assertTrue(from > 0, "begun again from the start each time");
    }

    @Test
    void resumesByItselfWhenTheConnectionStalls() throws Exception {
        server.breakOff(PATH, 70_000, 1).hang(PATH);
        assertEquals(sha256(), fetch(new Expected(sha256(), null)));
        assertComplete();
    }

    @Test
    void givesUpWhenNothingMoreComesAndKeepsWhatCame() throws Exception {
        putHalf(5_000, "\"1\"");
        server.breakOff(PATH, 0, 1_000);
        var e = assertThrows(IOException.class, () -> fetch(new Expected(sha256(), null)));
        assertTrue(e.getMessage().startsWith("the download broke off"), e.getMessage());
        assertEquals(5_000, Files.size(beside(".part")));
    }

    @Test
    void aWrongChecksumIsSetAside() {
        var wrong = "0".repeat(64);
        var e = assertThrows(IOException.class, () -> fetch(new Expected(wrong, null)));
        assertTrue(e.getMessage().contains(wrong), e.getMessage());
        assertFalse(Files.exists(target()));
        assertTrue(Files.exists(beside(".rejected")));
        assertFalse(Files.exists(beside(".part")));
    }

    @Test
    void aWrongSizeIsRefusedBeforeAnythingIsFetched() {
        assertThrows(IOException.class, () -> fetch(new Expected(null, 5L)));
        assertFalse(Files.exists(beside(".part")));
        assertEquals(List.of(), seen);
    }

    @Test
    void theTokenStaysWithTheHostItIsFor() throws Exception {
        try (var hub = new FileServer()) {
            hub.redirect(PATH, PATH + "2").redirect(PATH + "2", server.url() + PATH);
            new HttpDownload(QUICK, Progress.NONE)
                    .fetch(URI.create(hub.url() + PATH), "secret", target(), Expected.NOTHING);
            assertTrue(hub.requests.get(0).endsWith("token=Bearer secret"));
            assertTrue(hub.requests.get(1).endsWith("token=Bearer secret"));
        }
        assertTrue(server.requests.getFirst().endsWith("token=null"));
        assertComplete();
    }

    @Test
    void redirectsInACircleEnd() {
        server.redirect(PATH, PATH);
        var e = assertThrows(IOException.class, () -> fetch(Expected.NOTHING));
        assertTrue(e.getMessage().contains("redirects"), e.getMessage());
    }
}
