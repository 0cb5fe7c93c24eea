package io.chasqui.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.config.ApiKeys.Caller;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConfiguredApiKeysTest {
    @TempDir Path folder;

    private Path file() {
        return folder.resolve("deep/keys");
    }

    private ConfiguredApiKeys keys(String... plain) throws IOException {
        return new ConfiguredApiKeys(List.of(plain), file(), Duration.ZERO);
    }

    @Test
    void withoutKeysEverybodyIsLetIn() throws IOException {
        assertFalse(keys().required());
        assertEquals(Optional.of(Caller.ANONYMOUS), keys().find("anything"));
    }

    @Test
    void aKeyIsFoundByItselfAndKeptAsAHash() throws IOException {
        var key = KeyFile.add(file(), "alice", 0);
        var keys = keys();
        assertTrue(keys.required());
        assertEquals(Optional.of(new Caller("alice", 0)), keys.find(key));
        assertEquals(Optional.empty(), keys.find(key + "x"));
        assertEquals(Optional.empty(), keys.find(""));
        assertFalse(Files.readString(file()).contains(key));
    }

    @Test
    void theHashIsPlainSha256() throws IOException {
        Files.createDirectories(file().getParent());
        // printf 'secret' | sha256sum
        Files.writeString(
                file(),
                "# staff\n\n"
                        + "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b bob -5\n");
        assertEquals(Optional.of(new Caller("bob", -5)), keys().find("secret"));
    }

    @Test
    void keysGivenInPlainHaveNumbers() throws IOException {
        assertEquals(Optional.of(new Caller("api-key-2", 0)), keys("a", "b").find("b"));
    }

    @Test
    void keysWithoutANameAreNumbered() throws IOException {
        KeyFile.add(file(), null, 0);
        var second = KeyFile.add(file(), null, -3);
        assertEquals(Optional.of(new Caller("key-2", -3)), keys().find(second));
    }

    @Test
    void aKeyMadeWhileServingIsValidAtOnce() throws IOException {
        var keys = keys();
        assertFalse(keys.required());
        var key = KeyFile.add(file(), "late", 0);
        assertTrue(keys.required());
        assertEquals("late", keys.find(key).orElseThrow().name());
    }

    @Test
    void aRevokedKeyIsRefusedAndTheOthersStay() throws IOException {
        var gone = KeyFile.add(file(), "gone", 0);
        var stays = KeyFile.add(file(), "stays", 0);
        var keys = keys();
        assertTrue(keys.find(gone).isPresent());
        var lines = Files.readAllLines(file());
        Files.write(file(), lines.subList(1, 2));
        assertTrue(keys.find(gone).isEmpty());
        assertTrue(keys.find(stays).isPresent());
    }

    @Test
    void deletingTheFileShutsEverybodyOut() throws IOException {
        var key = KeyFile.add(file(), "alice", 0);
        var keys = keys();
        Files.delete(file());
        assertTrue(keys.required());
        assertTrue(keys.find(key).isEmpty());
    }

    @Test
    void aFileBrokenWhileServingLeavesTheKeysAsTheyWere() throws IOException {
        var key = KeyFile.add(file(), "alice", 0);
        var keys = keys();
        Files.writeString(file(), "nonsense");
        assertTrue(keys.find(key).isPresent());
    }

    @ParameterizedTest
    @ValueSource(strings = {"nonsense", "abc alice", "sk-plain-key-in-the-file"})
    void aMalformedFileIsRefusedAtStartWithTheLine(String line) throws IOException {
        KeyFile.add(file(), "alice", 0);
        Files.writeString(file(), Files.readString(file()) + line + "\n");
        var e = assertThrows(IllegalArgumentException.class, this::keys);
        assertTrue(e.getMessage().contains("line 2"), e.getMessage());
        assertFalse(e.getMessage().contains(line), "a key in plain is not repeated");
    }

    @Test
    void twoKeysCannotShareAName() throws IOException {
        KeyFile.add(file(), "alice", 0);
        assertThrows(IllegalArgumentException.class, () -> KeyFile.add(file(), "alice", 0));
        assertThrows(IllegalArgumentException.class, () -> KeyFile.add(file(), "a b", 0));
    }

    @Test
    void onlyItsOwnerReadsTheFile() throws IOException {
        KeyFile.add(file(), "alice", 0);
        assertEquals(
                "rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file())));
    }
}
