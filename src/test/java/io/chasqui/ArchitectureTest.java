package io.chasqui;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The rules of docs/structure.md. */
class ArchitectureTest {
    /** Each package may use those after it; leaves may be used by all. */
    private static final List<String> LINE =
            List.of(
                    "http",
                    "chat",
                    "engine",
                    "kvcache",
                    "executor",
                    "model",
                    "backend",
                    "backend.cpu",
                    "backend.cuda");

    private static final List<String> LEAVES =
            List.of("tokenizer", "quant", "loader", "config", "catalog", "grammar");

    /** Stages of the CPU, and the CUDA source that does the same. */
    private static final Map<String, String> KERNELS =
            Map.of(
                    "Embedding", "embedding",
                    "QkvProjection", "qkv_projection",
                    "PagedAttention", "paged_attention",
                    "OutputProjection", "residual_projection",
                    "FeedForward", "gate_up",
                    "LmHead", "lm_head");

    private static final List<String> OUTSIDE = List.of("observability", "cli");

    private static JavaClasses classes;

    @BeforeAll
    static void read() {
        classes =
                new ClassFileImporter()
                        .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                        .importPackages("io.chasqui");
    }

    private static String name(String part) {
        return "io.chasqui." + part;
    }

    @Test
    void packagesDependInOneDirection() {
        for (int i = 1; i < LINE.size(); i++) {
            for (var left : LINE.subList(0, i)) {
                if (!LINE.get(i).startsWith(left + ".")) {
                    noClasses()
                            .that()
                            .resideInAPackage(name(LINE.get(i)))
                            .should()
                            .dependOnClassesThat()
                            .resideInAPackage(name(left))
                            .check(classes);
                }
            }
        }
        slices().matching("io.chasqui.(**)").should().beFreeOfCycles().check(classes);
    }

    @Test
    void leavesUseOnlyLeaves() {
        for (var leaf : LEAVES) {
            for (var other : LINE) {
                noClasses()
                        .that()
                        .resideInAPackage(name(leaf))
                        .should()
                        .dependOnClassesThat()
                        .resideInAPackage(name(other))
                        .check(classes);
            }
        }
    }

    @Test
    void nothingUsesTheOutside() {
        for (var outside : OUTSIDE) {
            noClasses()
                    .that()
                    .resideInAnyPackage(
                            LINE.stream().map(ArchitectureTest::name).toArray(String[]::new))
                    .or()
                    .resideInAnyPackage(
                            LEAVES.stream().map(ArchitectureTest::name).toArray(String[]::new))
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage(name(outside))
                    .check(classes);
        }
    }

    @Test
    void backendDoesNotNameItsImplementations() {
        noClasses()
                .that()
                .resideInAPackage(name("backend"))
                .or()
                .resideInAPackage(name("model"))
                .or()
                .resideInAPackage(name("executor"))
                .or()
                .resideInAPackage(name("engine"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(name("backend.cpu"), name("backend.cuda"))
                .check(classes);
    }

    @Test
    void theDriverOfGpusStaysInItsBackend() {
        onlyIn("jcuda..", name("backend.cuda"));
    }

    @Test
    void backendsDoNotKnowEachOther() {
        noClasses()
                .that()
                .resideInAPackage(name("backend.cpu"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage(name("backend.cuda"))
                .check(classes);
    }

    /** What changes in a stage on one backend is then looked for on the other. */
    @Test
    void everyStageOfTheCpuHasItsKernel() {
        var cpu = name("backend.cpu");
        var stages =
                classes.get(cpu + ".CpuStages").getFields().stream()
                        .map(field -> field.getRawType().getSimpleName())
                        .filter(type -> !type.startsWith("Cpu"))
                        .collect(Collectors.toSet());
        assertEquals(KERNELS.keySet(), stages);
        for (var kernel : KERNELS.values()) {
            var file = Path.of("src/main/cuda/plain", kernel + ".cu");
            assertTrue(Files.exists(file), file + " is absent");
        }
    }

    @Test
    void schedulingIsPure() {
        var impure =
                DescribedPredicate.<JavaClass>describe(
                        "threads, locks, clocks or chance",
                        c ->
                                c.getName().startsWith("java.util.concurrent")
                                        || c.getName().startsWith("java.time")
                                        || c.getName().startsWith("java.util.random")
                                        || c.isEquivalentTo(Thread.class)
                                        || c.isEquivalentTo(java.util.Random.class)
                                        || c.isEquivalentTo(java.security.SecureRandom.class));
        noClasses()
                .that()
                .resideInAPackage(name("kvcache"))
                .or()
                .haveFullyQualifiedName(name("engine.Scheduler"))
                .should()
                .dependOnClassesThat(impure)
                .orShould()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .check(classes);
    }

    @Test
    void kvCacheKnowsTheJdkOnly() {
        noClasses()
                .that()
                .resideInAPackage(name("kvcache"))
                .should()
                .dependOnClassesThat()
                .resideOutsideOfPackages("java..", "javax.crypto..", name("kvcache"))
                .check(classes);
    }

    @Test
    void vectorApiStaysInTheCpuBackend() {
        onlyIn("jdk.incubator.vector..", name("backend.cpu"), name("quant"));
    }

    @Test
    void serverFrameworkStaysOutsideTheEngine() {
        var places =
                new String[] {name("http"), name("observability"), name("cli"), name("config")};
        for (var framework : List.of("io.quarkus..", "jakarta.ws..", "io.vertx..")) {
            onlyIn(framework, places);
        }
        // The HTTP layer counts what only it sees: refusals, aborts, retries.
        onlyIn("io.micrometer..", name("observability"), name("http"));
    }

    @Test
    void jsonStaysWhereJsonIsRead() {
        onlyIn(
                "com.fasterxml.jackson..",
                name("http"),
                name("chat"),
                name("catalog"),
                name("loader"),
                name("tokenizer"),
                name("model"),
                name("grammar"),
                name("cli"));
    }

    @Test
    void grammarsKnowTokenizersAndJsonOnly() {
        noClasses()
                .that()
                .resideInAPackage(name("grammar"))
                .should()
                .dependOnClassesThat()
                .resideOutsideOfPackages(
                        "java..", "com.fasterxml.jackson..", name("tokenizer"), name("grammar"))
                .orShould()
                .dependOnClassesThat()
                .resideInAPackage("java.util.regex..")
                .check(classes);
    }

    @Test
    void noCodeFromData() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("java.io.ObjectInputStream")
                .orShould()
                .dependOnClassesThat()
                .resideInAPackage("javax.script..")
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName(
                        "com.fasterxml.jackson.databind.jsontype.PolymorphicTypeValidator")
                .check(classes);
    }

    private static void onlyIn(String target, String... places) {
        noClasses()
                .that()
                .resideOutsideOfPackages(places)
                .should()
                .dependOnClassesThat()
                .resideInAPackage(target)
                .check(classes);
    }
}
