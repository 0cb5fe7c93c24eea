package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.config.ByteSize;
import io.chasqui.config.ChasquiConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Properties;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class SettingsTest {
    private final Properties before = new Properties();

    @BeforeEach
    void remember() {
        before.putAll(System.getProperties());
        // What the build and its user set for tests are no settings.
        System.getProperties().stringPropertyNames().stream()
                .filter(name -> name.startsWith("chasqui."))
                .forEach(System::clearProperty);
    }

    @AfterEach
    void restore() {
        System.setProperties(before);
    }

    private static Settings parse(String... options) {
        var chasqui = Main.commandLine();
        var args = new ArrayList<>(List.of("serve"));
        args.addAll(List.of(options));
        chasqui.parseArgs(args.toArray(String[]::new));
        var serve = chasqui.getSubcommands().get("serve");
        return (Settings) serve.getCommandSpec().mixins().get("settings").userObject();
    }

    @Test
    void everySettingHasAnOptionOfItsName() {
        var options = new TreeSet<String>();
        var serve = Main.commandLine().getSubcommands().get("serve").getCommandSpec();
        serve.options().forEach(option -> options.add(SettingDefaults.name(option)));
        options.removeAll(List.of("config", "help", "version"));
        var settings = new TreeSet<String>();
        SettingDefaults.names().forEach(settings::add);
        assertEquals(settings, options);
    }

    @Test
    void onlyOptionsThatAreGivenBecomeProperties() {
        assertEquals(Map.of(), parse().given());
        assertEquals(
                Map.of(
                        "chasqui.port", "9000",
                        "chasqui.host", "::1",
                        "chasqui.max-model-len", "4096",
                        "chasqui.kv-cache-dtype", "bf16",
                        "chasqui.enable-prefix-caching", "false",
                        "chasqui.served-model-name", "a,b"),
                parse(
                                "--port=9000",
                                "--host=::1",
                                "--max-model-len=4096",
                                "--kv-cache-dtype=BF16",
                                "--no-enable-prefix-caching",
                                "--served-model-name=a",
                                "--served-model-name=b")
                        .given());
    }

    @Test
    void optionsReachTheConfiguration() {
        var config =
                parse(
                                "--port=9000",
                                "--kv-cache-memory=1.5G",
                                "--kv-cache-dtype=bf16",
                                "--load-format=dummy",
                                "--generation-config=openai",
                                "--served-model-name=a",
                                "--served-model-name=b",
                                "--api-key=k,l",
                                "--allow-anonymous",
                                "--no-enable-prefix-caching",
                                "--shutdown-timeout=90s",
                                "--threads=3")
                        .apply();
        assertEquals(9000, config.port());
        assertEquals(new ByteSize(3L << 29), config.kvCacheMemory().orElseThrow());
        assertEquals(ChasquiConfig.KvCacheType.BF16, config.kvCacheDtype());
        assertEquals(ChasquiConfig.LoadFormat.DUMMY, config.loadFormat());
        assertEquals(ChasquiConfig.GenerationConfig.OPENAI, config.generationConfig());
        assertEquals(List.of("a", "b"), config.servedModelName().orElseThrow());
        assertEquals(List.of("k", "l"), config.apiKey().orElseThrow());
        assertTrue(config.allowAnonymous());
        assertFalse(config.enablePrefixCaching());
        assertEquals(Duration.ofSeconds(90), config.shutdownTimeout());
        assertEquals(OptionalInt.of(3), config.threads());
    }

    @Test
    void withoutOptionsALaptopIsServedWell() {
        var config = parse().apply();
        assertEquals("127.0.0.1", config.host());
        assertEquals(8000, config.port());
        assertEquals(ChasquiConfig.KvCacheType.AUTO, config.kvCacheDtype());
        assertTrue(config.enablePrefixCaching());
        assertFalse(config.allowAnonymous());
        assertTrue(config.maxModelLen().isEmpty());
        assertTrue(config.apiKey().isEmpty());
    }

    @Test
    void optionsWinOverTheFileAndTheFileOverDefaults(@TempDir Path folder) throws IOException {
        var file = folder.resolve("chasqui.properties");
        Files.writeString(file, "chasqui.max-num-seqs=3\nchasqui.block-size=32\n");
        var config = parse("--config=" + file, "--max-num-seqs=5").apply();
        assertEquals(5, config.maxNumSeqs());
        assertEquals(32, config.blockSize());
    }

    @Test
    void aMissingFileIsTold() {
        var e = assertThrows(UserException.class, () -> parse("--config=none.properties").apply());
        assertTrue(e.getMessage().contains("none.properties"), e.getMessage());
    }

    @Test
    void aValueThatCannotBeIsToldWithItsName(@TempDir Path folder) throws IOException {
        var file = folder.resolve("chasqui.properties");
        Files.writeString(file, "chasqui.max-num-seqs=many\n");
        var e = assertThrows(UserException.class, () -> parse("--config=" + file).apply());
        assertTrue(e.getMessage().contains("chasqui.max-num-seqs"), e.getMessage());
    }

    @Test
    void aMisspeltSettingInTheFileIsTold(@TempDir Path folder) throws IOException {
        var file = folder.resolve("chasqui.properties");
        Files.writeString(file, "chasqui.max-num-seq=4\n");
        var e = assertThrows(UserException.class, () -> parse("--config=" + file).apply());
        assertTrue(e.getMessage().contains("chasqui.max-num-seq"), e.getMessage());
    }

    @Test
    void theHelpShowsTheDefaults() {
        var help =
                Main.commandLine()
                        .getSubcommands()
                        .get("serve")
                        .getUsageMessage(CommandLine.Help.Ansi.OFF);
        assertTrue(help.contains("(default: 127.0.0.1)"), help);
        assertTrue(help.contains("at once (default: 64)"), help);
    }
}
