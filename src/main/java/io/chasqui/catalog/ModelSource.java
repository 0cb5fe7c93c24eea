package io.chasqui.catalog;

import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** A place that holds a model. */
public sealed interface ModelSource {

    /** Most characters of a source's text. */
    int LIMIT = 1024;

    /**
     * Reads {@code hf:org/repo[@revision][/file]}, {@code pypi:package==version!member} or a path.
     *
     * @throws CatalogException if the text has none of these forms
     */
    static ModelSource parse(String text) {
        if (text.length() > LIMIT) {
            throw new CatalogException("A model source has at most " + LIMIT + " characters.");
        }
        if (text.startsWith("hf:")) {
            return Hub.parse(text);
        }
        if (text.startsWith("pypi:")) {
            return Wheel.parse(text);
        }
        return new Local(Path.of(text));
    }

    /**
     * A file on this machine, or a folder with a whole model.
     *
     * @param path where it lies
     */
    record Local(Path path) implements ModelSource {
        @Override
        public String toString() {
            return path.toString();
        }
    }

    /**
     * A file of a repository on the Hugging Face hub, or the whole repository.
     *
     * @param repository {@code organisation/name}
     * @param revision branch, tag or commit
     * @param file path inside the repository, or null for all that a model needs
     */
    record Hub(String repository, String revision, String file) implements ModelSource {
        private static final Pattern FORM =
                Pattern.compile(
                        "hf:([\\w.-]+/[\\w.-]+)(?:@([\\w.-]+))?(?:/([\\w.+-]+(?:/[\\w.+-]+)*))?");

        static Hub parse(String text) {
            var match = FORM.matcher(text);
            if (!match.matches()) {
                throw new CatalogException(
                        "'"
                                + text
                                + "' is not of the form hf:organisation/repository[@revision][/file].");
            }
            List.of(match.group(1).split("/")).forEach(SafeNames::check);
            var revision = match.group(2) == null ? "main" : SafeNames.check(match.group(2));
            var file = match.group(3) == null ? null : SafeNames.checkPath(match.group(3));
            return new Hub(match.group(1), revision, file);
        }

        @Override
        public String toString() {
            return "hf:"
                    + repository
                    + (revision.equals("main") ? "" : "@" + revision)
                    + (file == null ? "" : "/" + file);
        }
    }

    /**
     * A file inside a wheel on a Python package index.
     *
     * @param requirement the package, pinned: {@code name==version}
     * @param member path inside the wheel
     */
    record Wheel(String requirement, String member) implements ModelSource {
        private static final Pattern FORM =
                Pattern.compile("pypi:([A-Za-z0-9][\\w.-]*==[\\w.+]+)!([\\w.+-]+(?:/[\\w.+-]+)*)");

        static Wheel parse(String text) {
            var match = FORM.matcher(text);
            if (!match.matches()) {
                throw new CatalogException(
                        "'" + text + "' is not of the form pypi:package==version!member.");
            }
            return new Wheel(match.group(1), SafeNames.checkPath(match.group(2)));
        }

        @Override
        public String toString() {
            return "pypi:" + requirement + "!" + member;
        }
    }
}
