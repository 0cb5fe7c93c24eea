package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the launcher in a checkout of its own, with JDKs and a Maven that only say what they did.
 */
class LauncherTest {
    private static final List<String> TOOLS =
            List.of(
                    "cat",
                    "find",
                    "grep",
                    "head",
                    "mkdir",
                    "mv",
                    "readlink",
                    "sed",
                    "sh",
                    "sleep",
                    "sort",
                    "tail",
                    "touch");

    @TempDir Path folder;
    private Path checkout;
    private Path bin;

    private record Result(int exitCode, String out, String err) {}

    @BeforeEach
    void layOut() throws IOException {
        checkout = Files.createDirectories(folder.resolve("check out"));
        bin = Files.createDirectories(folder.resolve("bin"));
        for (var tool : TOOLS) {
            Files.createSymbolicLink(bin.resolve(tool), find(tool));
        }
        Files.copy(Path.of("chasqui"), checkout.resolve("chasqui"));
        for (var file : List.of("pom.xml", "config/models.json", "src/main/java/A.java")) {
            Files.createDirectories(checkout.resolve(file).getParent());
            Files.writeString(checkout.resolve(file), "");
        }
        kernels("");
        maven("3.8.7");
    }

    private static Path find(String tool) {
        for (var folder : List.of("/usr/bin", "/bin")) {
            if (Files.exists(Path.of(folder, tool))) {
                return Path.of(folder, tool);
            }
        }
        throw new AssertionError("no " + tool);
    }

    private static void script(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** A JDK that prints its own name, its process id and its arguments. */
    private Path jdk(String name, String version) throws IOException {
        var home = folder.resolve("jdks").resolve(name);
        script(
                home.resolve("bin/java"),
                "echo jdk=" + name + "\necho pid=$$\nfor a; do echo \"arg=$a\"; done\n");
        script(home.resolve("bin/javac"), "");
        Files.writeString(home.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
        return home;
    }

    /** The build of the CUDA kernels, which finds the toolkit in the given folder. */
    private void kernels(String toolkit) throws IOException {
        script(
                checkout.resolve("src/main/cuda/build.sh"),
                "echo \"$*\" >> '%s'\necho '%s'\n"
                        .formatted(folder.resolve("kernels.log"), toolkit));
    }

    private void maven(String version) throws IOException {
        maven(version, "mkdir -p target/quarkus-app; touch target/quarkus-app/quarkus-run.jar");
    }

    private void maven(String version, String build) throws IOException {
        script(
                bin.resolve("mvn"),
                """
                if [ "$1" = --version ]; then echo "Apache Maven %s (x)"; exit; fi
                echo "$JAVA_HOME $*" >> "%s"
                %s
                """
                        .formatted(version, folder.resolve("mvn.log"), build));
    }

    private List<String> mavenRuns() throws IOException {
        var log = folder.resolve("mvn.log");
        return Files.exists(log) ? Files.readAllLines(log) : List.of();
    }

    private Result run(Map<String, String> environment, String... args) throws Exception {
        var command = new ArrayList<>(List.of(checkout.resolve("chasqui").toString()));
        command.addAll(List.of(args));
        var builder = new ProcessBuilder(command);
        builder.environment().clear();
        builder.environment().put("PATH", bin.toString());
        builder.environment().put("HOME", folder.toString());
        builder.environment().put("CHASQUI_JDK_FOLDERS", folder + "/jdks/*");
        builder.environment().putAll(environment);
        var err = folder.resolve("stderr");
        var process = builder.redirectError(err.toFile()).start();
        var out = new String(process.getInputStream().readAllBytes());
        int exitCode = process.waitFor();
        assertTrue(
                exitCode != 0 || !out.contains("pid=") || out.contains("pid=" + process.pid()),
                "java takes the launcher's place, so that signals reach it");
        return new Result(exitCode, out, Files.readString(err));
    }

    private Result run(String... args) throws Exception {
        return run(Map.of(), args);
    }

    @Test
    void withoutAJdkItSaysWhatToInstall() throws Exception {
        var result = run("serve");
        assertEquals(1, result.exitCode());
        assertTrue(result.err().contains("needs a JDK 25 or newer and found none: install one"));
        assertEquals(1, result.err().lines().count());
        assertEquals(List.of(), mavenRuns());
    }

    @Test
    void olderJdksAreSkipped() throws Exception {
        jdk("a-17", "17.0.15");
        jdk("b-8", "1.8.0_392");
        jdk("c-25", "25.0.3");
        jdk("d-24", "24");
        assertTrue(run("serve").out().contains("jdk=c-25\n"));
    }

    @Test
    void aFolderWithoutACompilerIsNotAJdk() throws Exception {
        Files.delete(jdk("a-25", "25").resolve("bin/javac"));
        assertEquals(1, run("serve").exitCode());
    }

    @Test
    void javaHomeComesBeforeThePathAndThePathBeforeTheUsualFolders() throws Exception {
        jdk("usual", "25");
        var onPath = jdk("elsewhere/on-path", "25.0.1");
        var javaHome = jdk("elsewhere/java-home", "26-ea");
        assertTrue(run("x").out().contains("jdk=usual\n"));
        Files.createSymbolicLink(bin.resolve("javac"), onPath.resolve("bin/javac"));
        assertTrue(run("x").out().contains("jdk=elsewhere/on-path\n"));
        var environment = new HashMap<>(Map.of("JAVA_HOME", javaHome.toString()));
        assertTrue(run(environment, "x").out().contains("jdk=elsewhere/java-home\n"));
    }

    @Test
    void anOldJavaHomeIsSkipped() throws Exception {
        jdk("usual", "25");
        var old = jdk("elsewhere/old", "21.0.2");
        assertTrue(run(Map.of("JAVA_HOME", old.toString()), "x").out().contains("jdk=usual\n"));
    }

    @Test
    void chasquisOwnVariableIsMeantSeriously() throws Exception {
        jdk("usual", "25");
        var chosen = jdk("elsewhere/chosen", "25");
        var old = jdk("elsewhere/old", "21");
        assertTrue(
                run(Map.of("CHASQUI_JAVA_HOME", chosen.toString()), "x")
                        .out()
                        .contains("jdk=elsewhere/chosen\n"));
        var result = run(Map.of("CHASQUI_JAVA_HOME", old.toString()), "x");
        assertEquals(1, result.exitCode());
        assertTrue(result.err().contains("is not a JDK 25 or newer"), result.err());
    }

    @Test
    void argumentsArriveAsTheyWereTyped() throws Exception {
        jdk("a", "25");
        var out =
                run(Map.of("CHASQUI_JAVA_OPTS", "-Xmx2g -Da=b"), "run", "two words", "$HOME", "*")
                        .out();
        assertTrue(out.contains("arg=-Xmx2g\narg=-Da=b\n"), out);
        assertTrue(out.endsWith("arg=run\narg=two words\narg=$HOME\narg=*\n"), out);
        assertTrue(out.contains("arg=--add-modules=jdk.incubator.vector\n"), out);
    }

    @Test
    void buildsOnceWithTheJdkItFound() throws Exception {
        var home = jdk("a", "25");
        assertTrue(run("serve").err().contains("Building Chasqui"));
        assertFalse(run("serve").err().contains("Building Chasqui"));
        assertEquals(1, mavenRuns().size());
        assertTrue(mavenRuns().getFirst().startsWith(home + " "), mavenRuns().toString());
    }

    @Test
    void buildsAgainWhenASourceIsNewer() throws Exception {
        jdk("a", "25");
        run("serve");
        for (var file : List.of("pom.xml", "config/models.json", "src/main/java/A.java")) {
            int before = mavenRuns().size();
            Files.setLastModifiedTime(
                    checkout.resolve("target/chasqui.built"),
                    FileTime.from(Instant.now().minusSeconds(60)));
            for (var other : List.of("pom.xml", "config/models.json", "src/main/java/A.java")) {
                Files.setLastModifiedTime(
                        checkout.resolve(other),
                        FileTime.from(Instant.now().minusSeconds(other.equals(file) ? 30 : 90)));
            }
            run("serve");
            assertEquals(before + 1, mavenRuns().size(), file);
        }
    }

    @Test
    void aFailedBuildShowsItsErrorsAndIsTriedAgain() throws Exception {
        jdk("a", "25");
        maven("3.9.9", "echo '[ERROR] A.java:[1,2] no'; exit 1");
        var result = run("serve");
        assertEquals(1, result.exitCode());
        assertTrue(result.err().contains("[ERROR] A.java:[1,2] no"), result.err());
        assertEquals("", result.out());
        maven("3.9.9");
        assertEquals(0, run("serve").exitCode());
    }

    @Test
    void anOldMavenOrNoneIsTold() throws Exception {
        jdk("a", "25");
        maven("3.8.6");
        assertTrue(
                run("serve")
                        .err()
                        .contains("needs Maven 3.8.7 or newer to build; mvn on the PATH is 3.8.6"));
        maven("3.10.0");
        assertEquals(0, run("serve").exitCode());
        Files.delete(checkout.resolve("target/chasqui.built"));
        Files.delete(bin.resolve("mvn"));
        var result = run("serve");
        assertEquals(1, result.exitCode());
        assertTrue(result.err().contains("found no mvn on the PATH"), result.err());
    }

    @Test
    void theFirstServerOfABuildIsPrecededByATrainingRun() throws Exception {
        var home = jdk("a", "25");
        var java = home.resolve("bin/java");
        Files.writeString(
                java,
                Files.readString(java)
                        + "for a; do case $a in -XX:AOTCacheOutput=*)"
                        + " echo cache > \"${a#*=}\"; echo 'Ready in 1 s';; esac; done\n");
        assertFalse(run("pull").err().contains("Preparing quick starts"));
        var first = run("serve");
        assertTrue(first.err().contains("Preparing quick starts"), first.err());
        assertTrue(first.out().contains("arg=-XX:AOTCache=" + cache()), first.out());
        assertFalse(run("serve").err().contains("Preparing quick starts"));
    }

    @Test
    void aTrainingRunThatFailsIsNotRepeated() throws Exception {
        jdk("a", "25");
        assertTrue(run("serve").err().contains("Preparing quick starts"));
        var second = run("serve");
        assertFalse(second.err().contains("Preparing quick starts"));
        assertFalse(second.out().contains("AOTCache"), second.out());
    }

    private Path cache() {
        return checkout.resolve("target/chasqui.aot");
    }

    @Test
    void testVerifiesWithTheDefaultModel() throws Exception {
        var home = jdk("a", "25");
        script(home.resolve("bin/java"), "echo \"/models/the model.gguf\"\n");
        assertEquals(0, run("test", "-Dtest=X").exitCode());
        var verify = mavenRuns().getLast();
        assertTrue(verify.contains(" verify "), verify);
        assertTrue(verify.contains("-Dchasqui.testModel=/models/the model.gguf"), verify);
        assertTrue(verify.endsWith("-Dtest=X"), verify);
    }

    @Test
    void onlyTestsInsistOnTheCudaToolkit() throws Exception {
        var home = jdk("a", "25");
        script(home.resolve("bin/java"), "echo model\n");
        var runs = folder.resolve("kernels.log");
        run("serve");
        assertEquals(List.of("kernels"), Files.readAllLines(runs));
        kernels("/opt/cu da");
        run("test");
        assertEquals("kernels --fetch", Files.readAllLines(runs).get(1));
        var verify = mavenRuns().getLast();
        assertTrue(verify.contains("-Dchasqui.cuda.home=/opt/cu da"), verify);
    }

    @Test
    void testFailsWhenTheModelCannotBeHad() throws Exception {
        var home = jdk("a", "25");
        script(home.resolve("bin/java"), "echo 'no model' >&2; exit 1\n");
        assertEquals(1, run("test").exitCode());
        assertTrue(mavenRuns().stream().noneMatch(run -> run.contains(" verify ")));
    }
}
