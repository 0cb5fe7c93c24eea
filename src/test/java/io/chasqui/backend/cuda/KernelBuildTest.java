package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the build of the kernels in a checkout of its own, with a compiler and a pip that pretend.
 */
class KernelBuildTest {
    private static final String NVCC =
            """
            if [ "$1" = --version ]; then
                echo "Cuda compilation tools, release %1$s, V%1$s.88"
                exit
            fi
            for a; do
                case $a in *.cu) file=$a ;; *.fatbin) out=$a ;; esac
            done
            echo "$file" >>'%2$s'
            if grep -q wrong "$file"; then echo "$file(1): error: wrong" && exit 2; fi
            cat "$file" >"$out"
            for arch in 80 90; do
                echo "ptxas info    : Compiling entry function '$(cat "$file")' for 'sm_$arch'"
                echo "    16 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"
                echo "ptxas info    : Used 40 registers, used 1 barriers, 512 bytes smem"
            done
            """;

    @TempDir Path folder;
    private Path bin;
    private Path sources;
    private Path classes;
    private Path compiled;
    private Path pipLog;

    private record Result(int exitCode, String out, String err) {}

    @BeforeEach
    void layOut() throws IOException {
        bin = Files.createDirectories(folder.resolve("bin"));
        sources = Files.createDirectories(folder.resolve("check out/src/main/cuda"));
        classes = folder.resolve("check out/target/classes/io/chasqui/backend/cuda");
        compiled = folder.resolve("compiled.log");
        pipLog = folder.resolve("pip.log");
        Files.copy(Path.of("src/main/cuda/build.sh"), sources.resolve("build.sh"));
        source("plain/a.cu", "a_plain");
        source("a.cu", "a");
        source("b.cuh", "// b");
        script(bin.resolve("g++"), "");
        script(
                bin.resolve("python3"),
                """
                echo "$*" >>'%s'
                while [ "$1" != --target ]; do shift; done
                mkdir -p "$2/nvidia"
                cp -R '%s' "$2/nvidia/cu13"
                """
                        .formatted(pipLog, toolkit("wheels", "13.0")));
    }

    private void source(String name, String text) throws IOException {
        Files.createDirectories(sources.resolve(name).getParent());
        Files.writeString(sources.resolve(name), text);
    }

    private static void script(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/sh\n" + text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Path toolkit(String name, String version) throws IOException {
        var home = folder.resolve("toolkits").resolve(name);
        script(home.resolve("bin/nvcc"), NVCC.formatted(version, compiled));
        Files.createDirectories(home.resolve("include"));
        Files.writeString(home.resolve("include/cuda_bf16.h"), "");
        return home;
    }

    private Result run(Map<String, String> environment, String... args) throws Exception {
        var command = new ArrayList<>(List.of(sources.resolve("build.sh").toString()));
        command.addAll(List.of(args));
        var builder = new ProcessBuilder(command);
        builder.environment().clear();
        builder.environment().put("PATH", bin + ":/usr/bin:/bin");
        builder.environment().put("CHASQUI_DRIVER_FILES", folder.resolve("driver").toString());
        builder.environment().put("CHASQUI_CUDA_FOLDERS", folder.resolve("none").toString());
        builder.environment().putAll(environment);
        var err = folder.resolve("stderr");
        var process = builder.redirectError(err.toFile()).start();
        var out = new String(process.getInputStream().readAllBytes());
        return new Result(process.waitFor(), out, Files.readString(err));
    }

    private Result kernels(String... more) throws Exception {
        return run(
                Map.of(),
                Stream.concat(Stream.of("kernels"), Stream.of(more)).toArray(String[]::new));
    }

    private List<String> compiled() throws IOException {
        return Files.exists(compiled)
                ? Files.readAllLines(compiled).stream().sorted().toList()
                : List.of();
    }

    @Test
    void aMachineWithoutAGpuFetchesNothing() throws Exception {
        assertEquals(new Result(0, "", ""), kernels());
        assertFalse(Files.exists(pipLog));
        assertFalse(Files.exists(classes));
    }

    @Test
    void aMachineWithADriverFetchesTheCompilerOnce() throws Exception {
        Files.createFile(folder.resolve("driver"));
        var toolkit = folder.resolve("check out/target/cuda-toolkit");
        for (int i = 0; i < 2; i++) {
            var result = kernels();
            assertEquals(toolkit + "\n", result.out(), result.err());
        }
        var fetched = Files.readAllLines(pipLog);
        assertEquals(1, fetched.size());
        assertTrue(fetched.getFirst().contains("--no-deps"), fetched.getFirst());
        assertTrue(fetched.getFirst().contains(" nvidia-cuda-nvcc==13.0.88 "), fetched.getFirst());
        assertEquals(List.of("a.cu", "plain/a.cu"), compiled());
    }

    @Test
    void everyFileBecomesAModuleInTheJar() throws Exception {
        assertEquals(0, kernels("--fetch").exitCode());
        var modules = KernelModules.read(KernelBuildTest.this::open).orElseThrow();
        assertEquals(
                List.of("a [a]", "plain_a [a_plain]"),
                modules.modules().stream().map(m -> m.name() + " " + m.kernels()).toList());
        assertEquals("a_plain", new String(modules.modules().get(1).image()));
        assertEquals(
                """
                kernel\tarchitecture\tregisters\tshared\tstack\tspills
                a\tsm_80\t40\t512\t16\t0
                a\tsm_90\t40\t512\t16\t0
                a_plain\tsm_80\t40\t512\t16\t0
                a_plain\tsm_90\t40\t512\t16\t0
                """,
                Files.readString(folder.resolve("check out/target/cuda/registers.tsv")));
    }

    private java.io.InputStream open(String name) {
        try {
            return Files.newInputStream(classes.resolve(name));
        } catch (IOException e) {
            return null;
        }
    }

    @Test
    void onlyWhatChangedIsCompiledAgain() throws Exception {
        kernels("--fetch");
        source("a.cu", "a2");
        kernels();
        assertEquals(List.of("a.cu", "a.cu", "plain/a.cu"), compiled());
        source("b.cuh", "// changed, and any file may include it");
        kernels();
        assertEquals(List.of("a.cu", "a.cu", "a.cu", "plain/a.cu", "plain/a.cu"), compiled());
    }

    @Test
    void aFileThatIsGoneLeavesTheJar() throws Exception {
        kernels("--fetch");
        Files.delete(sources.resolve("plain/a.cu"));
        kernels();
        assertFalse(Files.exists(classes.resolve("plain_a.fatbin")));
        assertEquals(1, KernelModules.read(this::open).orElseThrow().modules().size());
    }

    @Test
    void anErrorStopsTheBuildAndIsShown() throws Exception {
        kernels("--fetch");
        source("a.cu", "wrong");
        var result = kernels();
        assertEquals(1, result.exitCode());
        assertTrue(result.err().contains("a.cu(1): error: wrong"), result.err());
        assertFalse(Files.exists(classes.resolve("modules.tsv")), "stale kernels are not packed");
        assertEquals(1, kernels().exitCode());
    }

    @Test
    void anInstalledToolkitIsPreferred() throws Exception {
        var installed = toolkit("installed", "13.1");
        var named = toolkit("named", "13.2");
        Files.createSymbolicLink(bin.resolve("nvcc"), installed.resolve("bin/nvcc"));
        assertEquals(installed + "\n", kernels().out());
        assertEquals(
                named + "\n",
                run(Map.of("CUDA_HOME", named.toString()), "kernels", "--fetch").out());
        assertFalse(Files.exists(pipLog));
    }

    @Test
    void anOldToolkitIsNotUsed() throws Exception {
        var old = toolkit("old", "12.4");
        Files.createSymbolicLink(bin.resolve("nvcc"), old.resolve("bin/nvcc"));
        assertEquals("", kernels().out());
        var result = run(Map.of("CUDA_HOME", old.toString()), "kernels");
        assertEquals(1, result.exitCode());
        assertTrue(result.err().contains("is not a CUDA toolkit of version 13"), result.err());
    }

    @Test
    void withoutPipTheBuildSaysThatItHasNoKernels() throws Exception {
        script(bin.resolve("python3"), "echo 'no module named pip'; exit 1\n");
        var result = kernels("--fetch");
        assertEquals(0, result.exitCode());
        assertEquals("", result.out());
        assertTrue(result.err().contains("this build has no CUDA kernels"), result.err());
    }

    @Test
    void theRegisterTableIsWrittenFromTheBuild() throws Exception {
        assertEquals(0, run(Map.of(), "registers").exitCode());
        assertEquals(
                Files.readString(folder.resolve("check out/target/cuda/registers.tsv")),
                Files.readString(sources.resolve("registers.tsv")));
    }
}
