package io.chasqui.engine;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/**
 * Loads the engine, its KV book-keeping and the simulation apart from everything else, with one
 * source file compiled from a changed text.
 */
final class MutantLoader extends ClassLoader {
    private static final List<String> APART = List.of("io.chasqui.engine.", "io.chasqui.kvcache.");
    private static final Path SOURCES = Path.of("src", "main", "java", "io", "chasqui");

    private final Map<String, byte[]> changed;

    /**
     * @param file source file below {@code io/chasqui}
     * @param snippet exactly what is replaced; it must be there once
     */
    MutantLoader(String file, String snippet, String replacement) throws IOException {
        super(MutantLoader.class.getClassLoader());
        var source = Files.readString(SOURCES.resolve(file));
        int at = source.indexOf(snippet);
        if (at < 0 || source.indexOf(snippet, at + 1) >= 0) {
            throw new AssertionError("not exactly once in " + file + ": " + snippet);
        }
        changed = compile(file, source.replace(snippet, replacement));
    }

    /** {@link Simulation#firstFailure} of the changed engine. */
    String firstFailure(long firstSeed, int seeds, int steps) throws ReflectiveOperationException {
        var method =
                loadClass(Simulation.class.getName())
                        .getDeclaredMethod("firstFailure", long.class, int.class, int.class);
        method.setAccessible(true);
        return (String) method.invoke(null, firstSeed, seeds, steps);
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        synchronized (getClassLoadingLock(name)) {
            if (APART.stream().noneMatch(name::startsWith)) {
                return super.loadClass(name, resolve);
            }
            var loaded = findLoadedClass(name);
            return loaded != null ? loaded : define(name);
        }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
        var bytes = changed.get(name);
        if (bytes == null) {
            try (var in = getResourceAsStream(name.replace('.', '/') + ".class")) {
                if (in == null) {
                    throw new ClassNotFoundException(name);
                }
                bytes = in.readAllBytes();
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
        return defineClass(name, bytes, 0, bytes.length);
    }

    private static Map<String, byte[]> compile(String file, String source) throws IOException {
        var classes = new HashMap<String, byte[]>();
        var compiler = ToolProvider.getSystemJavaCompiler();
        var problems = new java.io.StringWriter();
        try (var files = new Outputs(compiler.getStandardFileManager(null, null, null), classes)) {
            var task =
                    compiler.getTask(
                            problems,
                            files,
                            null,
                            List.of("-proc:none", "-nowarn", "-classpath", mainClasses()),
                            null,
                            List.of(new Source(file, source)));
            if (!task.call()) {
                throw new AssertionError("the mutant does not compile: " + problems);
            }
        }
        return classes;
    }

    private static String mainClasses() {
        var location = EngineLoop.class.getProtectionDomain().getCodeSource().getLocation();
        return Path.of(URI.create(location.toString())).toString();
    }

    private static final class Source extends SimpleJavaFileObject {
        private final String text;

        Source(String file, String text) {
            super(URI.create("string:///io/chasqui/" + file), Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }

    private static final class Outputs extends ForwardingJavaFileManager<JavaFileManager> {
        private final Map<String, byte[]> classes;

        Outputs(JavaFileManager files, Map<String, byte[]> classes) {
            super(files);
            this.classes = classes;
        }

        @Override
        public JavaFileObject getJavaFileForOutput(
                Location location, String name, JavaFileObject.Kind kind, FileObject sibling) {
            return new SimpleJavaFileObject(URI.create("bytes:///" + name), kind) {
                @Override
                public OutputStream openOutputStream() {
                    return new ByteArrayOutputStream() {
                        @Override
                        public void close() {
                            classes.put(name, toByteArray());
                        }
                    };
                }
            };
        }
    }
}
