package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.executor.ScriptedExecutor;
import io.quarkus.test.junit.QuarkusTest;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The chat page: its files as they are served, and all of it in a browser, if there is one. */
@QuarkusTest
class PageTest extends HttpTestBase {
    private static final String SLOW = "page/slow";

    private static final String MARKDOWN =
            """
            Here are **two**:

            1. one
            2. [more](https://example.org/)

            ```java
            int x = 1;
            ```
            """;

    private static final String HOSTILE =
            """
            <script>alert(1)</script>

            <img src=x onerror="window.pwned=1"> <svg onload=alert(2)>

            <div style="position:fixed" onclick="alert(3)">

            [a](javascript:alert(4)) [b](data:text/html,x) ![i](http://evil.example/i.png)

            ```"onmouseover=alert(5)
            </code></pre><script>window.pwned=2</script>
            ```
            """;

    private static final Path SOURCES = Path.of("src/test/page");
    private static final Path INSTALLED = Path.of("target/page-test");

    /** Takes its time over each token, so that an answer can be stopped. */
    private record SlowExecutor(ModelExecutor executor) implements ModelExecutor {
        private static final long STEP_NANOS = 10_000_000;

        @Override
        public StepHandle execute(ForwardBatch batch) {
            LockSupport.parkNanos(STEP_NANOS);
            return executor.execute(batch);
        }

        @Override
        public void close() {}
    }

    @BeforeEach
    void serveMore() {
        TestModels.serve(registry, "page/markdown", TestModels.saying(MARKDOWN));
        TestModels.serve(registry, "page/hostile", TestModels.saying(HOSTILE));
        TestModels.serve(registry, SLOW, new SlowExecutor(new ScriptedExecutor('x')));
    }

    @Test
    void everyFileIsServedUnderAStrictPolicy() {
        var types =
                Map.of(
                        "/", "text/html; charset=utf-8",
                        "css", "text/css; charset=utf-8",
                        "js", "text/javascript; charset=utf-8",
                        "mjs", "text/javascript; charset=utf-8",
                        "svg", "image/svg+xml");
        for (var path : Page.PATHS) {
            var response = get(path);
            assertEquals(200, response.statusCode(), path);
            assertFalse(response.body().isEmpty(), path);
            var headers = response.headers();
            var type = types.get(path.substring(path.lastIndexOf('.') + 1));
            assertEquals(Optional.of(type), headers.firstValue("Content-Type"), path);
            assertEquals(Optional.of("nosniff"), headers.firstValue("X-Content-Type-Options"));
            assertEquals(Optional.of("no-referrer"), headers.firstValue("Referrer-Policy"));
            var policy = headers.firstValue("Content-Security-Policy").orElseThrow();
            assertTrue(policy.startsWith("default-src 'none'; script-src 'self'; "), policy);
            assertTrue(policy.contains("frame-ancestors 'none'"), policy);
            assertFalse(policy.contains("unsafe"), policy);
        }
    }

    @Test
    void everyModuleThatIsImportedIsServed() throws IOException {
        try (var files = Files.list(Path.of("src/main/resources/page"))) {
            for (var file : files.toList()) {
                var name = file.getFileName().toString();
                assertTrue(name.equals("index.html") || Page.PATHS.contains("/page/" + name), name);
            }
        }
    }

    @Test
    void aFileThatTheBrowserHasIsNotSentAgain() {
        var tag = get("/").headers().firstValue("ETag").orElseThrow();
        var again = send(request("/").header("If-None-Match", tag).build());
        assertEquals(304, again.statusCode());
        assertEquals("", again.body());
    }

    @Test
    void nothingElseIsServedNextToIt() {
        for (var path :
                List.of(
                        "/page",
                        "/page/",
                        "/page/index.html",
                        "/page//main.js",
                        "/page/./main.js",
                        "/page/main.js/",
                        "/page/main%2ejs",
                        "/page/..%2fapplication.properties",
                        "/page/lib/",
                        "/page/lib/marked.esm.js.map",
                        "/main.js",
                        "/webjars/marked/lib/marked.esm.js")) {
            assertEquals(404, get(path).statusCode(), path);
        }
        var post = post("/", "{}");
        assertEquals(405, post.statusCode());
        assertEquals(Optional.of("GET, HEAD"), post.headers().firstValue("Allow"));
    }

    @Test
    void worksInABrowser() throws IOException, InterruptedException {
        var chromium = tool("chromium", "chromium-browser", "google-chrome");
        var node = tool("node");
        install(tool("npm"));
        Files.copy(
                SOURCES.resolve("page.test.mjs"),
                INSTALLED.resolve("page.test.mjs"),
                StandardCopyOption.REPLACE_EXISTING);
        var tests = new ProcessBuilder(node, "--test", "page.test.mjs");
        tests.environment().put("PAGE_URL", base.toString());
        tests.environment().put("CHROMIUM", chromium);
        var run = Run.of(tests);
        assertEquals(0, run.exitCode(), run.output());
        System.out.println(run.output());
        awaitIdle(SLOW);
    }

    /** Playwright, which drives the browser, as its lock file says. */
    private static void install(String npm) throws IOException, InterruptedException {
        Files.createDirectories(INSTALLED);
        var lock = Files.readAllBytes(SOURCES.resolve("package-lock.json"));
        var installed = INSTALLED.resolve("package-lock.json");
        if (Files.isDirectory(INSTALLED.resolve("node_modules/playwright-core"))
                && Files.exists(installed)
                && Arrays.equals(lock, Files.readAllBytes(installed))) {
            return;
        }
        Files.write(installed, lock);
        Files.write(
                INSTALLED.resolve("package.json"),
                Files.readAllBytes(SOURCES.resolve("package.json")));
        var run =
                Run.of(
                        new ProcessBuilder(
                                npm,
                                "ci",
                                "--ignore-scripts",
                                "--no-audit",
                                "--no-fund",
                                "--fetch-retries=1",
                                "--fetch-timeout=20000"));
        assumeTrue(
                run.exitCode() == 0,
                () -> "needs Playwright, which npm could not install:\n" + run.output());
    }

    private record Run(int exitCode, String output) {

        /** Runs to the end where Playwright is installed. */
        static Run of(ProcessBuilder command) throws IOException, InterruptedException {
            var process = command.directory(INSTALLED.toFile()).redirectErrorStream(true).start();
            process.getOutputStream().close();
            var output = new String(process.getInputStream().readAllBytes());
            return new Run(process.waitFor(), output);
        }
    }

    /** The first of these programs that is on the PATH; without any the test is skipped. */
    private static String tool(String... names) {
        var folders = System.getenv().getOrDefault("PATH", "").split(File.pathSeparator);
        var found =
                Stream.of(names)
                        .flatMap(name -> Stream.of(folders).map(f -> Path.of(f, name)))
                        .filter(Files::isExecutable)
                        .findFirst();
        assumeTrue(
                found.isPresent(),
                () -> "the page is not tested in a browser: there is no " + names[0]);
        return found.orElseThrow().toString();
    }
}
