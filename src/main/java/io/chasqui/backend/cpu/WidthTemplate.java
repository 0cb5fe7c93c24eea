package io.chasqui.backend.cpu;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.constant.ConstantDescs;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import jdk.incubator.vector.VectorSpecies;

/**
 * Defines a class of vector code anew for each width. The compiler turns vector code into machine
 * instructions only if the species is a constant, and a static final field is one; so the class is
 * written once, reads its species from its class data ({@link MethodHandles#classData}), and is
 * defined as a hidden class per width.
 */
final class WidthTemplate {
    private WidthTemplate() {}

    /**
     * A new instance of {@code template}, which has a constructor without arguments.
     *
     * @param classData the species, or what holds it
     */
    static <T> T instantiate(Class<? extends T> template, Object classData) {
        var file = template.getSimpleName() + ".class";
        try (var in = template.getResourceAsStream(file)) {
            var lookup =
                    MethodHandles.lookup()
                            .defineHiddenClassWithClassData(in.readAllBytes(), classData, true);
            var constructor =
                    lookup.findConstructor(lookup.lookupClass(), MethodType.methodType(void.class));
            @SuppressWarnings("unchecked")
            T instance = (T) constructor.invoke();
            return instance;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable t) {
            throw new IllegalStateException("cannot define " + file, t);
        }
    }

    /** The species a template was defined for; {@code lookup} is the template's own. */
    @SuppressWarnings("unchecked")
    static VectorSpecies<Float> species(MethodHandles.Lookup lookup) {
        return classData(lookup, VectorSpecies.class);
    }

    /** What a template was defined for; {@code lookup} is the template's own. */
    static <T> T classData(MethodHandles.Lookup lookup, Class<T> type) {
        try {
            return MethodHandles.classData(lookup, ConstantDescs.DEFAULT_NAME, type);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }
}
