package io.chasqui.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelSourceTest {

    @Test
    void readsAFileOfARepository() {
        assertEquals(
                new ModelSource.Hub("org/name-GGUF", "ab12", "sub/x.Q4_1.gguf"),
                ModelSource.parse("hf:org/name-GGUF@ab12/sub/x.Q4_1.gguf"));
    }

    @Test
    void aRepositoryWithoutRevisionAndFileIsItsMainBranch() {
        assertEquals(
                new ModelSource.Hub("org/name", "main", null), ModelSource.parse("hf:org/name"));
    }

    @Test
    void readsAMemberOfAWheel() {
        assertEquals(
                new ModelSource.Wheel("llm-x==0.1.2", "llm_x/x.gguf"),
                ModelSource.parse("pypi:llm-x==0.1.2!llm_x/x.gguf"));
    }

    @Test
    void anythingElseIsAPath() {
        assertEquals(new ModelSource.Local(Path.of("a/b.gguf")), ModelSource.parse("a/b.gguf"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hf:org/name@main/../../etc/passwd",
                "hf:org/name@../x/f.gguf",
                "hf:org/../f.gguf",
                "hf:../name",
                "hf:org/name//f.gguf",
                "hf:org/name/a\\b.gguf",
                "hf:org",
                "hf:org/name/f.gguf?x=1",
                "pypi:a==1!../x.gguf",
                "pypi:a==1!/etc/passwd",
                "pypi:a==1!b/./x",
                "pypi:--index-url=x==1!y",
                "pypi:a>=1!x",
                "pypi:a==1"
            })
    void refusesWhatCouldLeaveTheFolderOrIsIncomplete(String text) {
        assertThrows(CatalogException.class, () -> ModelSource.parse(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hf:org/name",
                "hf:org/name@ab12",
                "hf:org/name/f.gguf",
                "hf:org/name@ab12/s/f.gguf",
                "pypi:a==1!b/c.gguf"
            })
    void isWrittenAsItIsRead(String text) {
        assertEquals(text, ModelSource.parse(text).toString());
    }
}
