package io.chasqui.model;

import io.chasqui.loader.ModelFormatException;
import io.chasqui.loader.OtherTensor;
import io.chasqui.loader.TensorView;
import io.chasqui.quant.DType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** The tensors of a Llama model by role and layer, each of the shape its configuration asks for. */
final class TensorTable {
    private static final int MOST_STRAYS = 100;

    private final Map<Key, TensorView> tensors;

    private TensorTable(Map<Key, TensorView> tensors) {
        this.tensors = tensors;
    }

    /**
     * Finds every tensor of the model.
     *
     * @param origin file or folder, for messages
     * @param naming the format's names
     * @param available readable tensors by name
     * @param others tensors of types that weights cannot have, by name
     * @param ignorable names that may be there without being used
     * @throws ModelFormatException listing every tensor that is missing, of the wrong shape or
     *     type, or not part of the model
     */
    static TensorTable match(
            String origin,
            LlamaConfig config,
            Naming naming,
            Map<String, TensorView> available,
            Map<String, OtherTensor> others,
            Predicate<String> ignorable) {
        if (available.isEmpty()) {
            throw new ModelFormatException(origin + ": has no tensors, so it is no model");
        }
        var tensors = new HashMap<Key, TensorView>();
        var problems = new ArrayList<String>();
        var used = new HashSet<String>();
        for (var key : expected(config)) {
            var name = naming.name(key.tensor, key.layer);
            used.add(name);
            var found = available.get(name);
            var problem = problem(key.tensor, config, name, found, others.get(name));
            if (problem != null) {
                problems.add(problem);
            }
            tensors.put(key, found);
        }
        reportStrays(available.keySet(), used, ignorable, problems);
        reportStrays(others.keySet(), used, ignorable, problems);
        if (!problems.isEmpty()) {
            throw new ModelFormatException(
                    "%s: %d tensors do not fit the model:%n  %s"
                            .formatted(
                                    origin,
                                    problems.size(),
                                    String.join(System.lineSeparator() + "  ", problems)));
        }
        return new TensorTable(Map.copyOf(tensors));
    }

    private static List<Key> expected(LlamaConfig config) {
        var keys = new ArrayList<Key>();
        for (var tensor : LlamaTensor.values()) {
            if (tensor.perLayer()) {
                for (int layer = 0; layer < config.layers(); layer++) {
                    keys.add(new Key(tensor, layer));
                }
            } else if (tensor != LlamaTensor.HEAD || !config.tiedHead()) {
                keys.add(new Key(tensor, LlamaTensor.NO_LAYER));
            }
        }
        return keys;
    }

    private static String problem(
            LlamaTensor tensor,
            LlamaConfig config,
            String name,
            TensorView found,
            OtherTensor other) {
        var shape = tensor.shape(config);
        if (other != null) {
            return "'" + name + "' has type " + other.type() + ", which is not supported";
        }
        if (found == null) {
            return "'" + name + "' " + shape + " is missing";
        }
        if (!found.shape().equals(shape)) {
            return "'" + name + "' has shape " + found.shape() + " instead of " + shape;
        }
        if (tensor.isVector() && !isFloat(found.dtype())) {
            return "'" + name + "' has type " + found.dtype() + ", which cannot hold it";
        }
        return null;
    }

    private static boolean isFloat(DType type) {
        return type == DType.F32 || type == DType.F16 || type == DType.BF16;
    }

    /** Of names that the file alone chose, a few are enough. */
    private static void reportStrays(
            Set<String> names,
            Set<String> used,
            Predicate<String> ignorable,
            List<String> problems) {
        var strays =
                names.stream()
                        .filter(name -> !used.contains(name) && !ignorable.test(name))
                        .toList();
        for (var name : strays.subList(0, Math.min(strays.size(), MOST_STRAYS))) {
            problems.add("'" + name + "' is not part of the model");
        }
        if (strays.size() > MOST_STRAYS) {
            problems.add(strays.size() - MOST_STRAYS + " more are not part of the model");
        }
    }

    TensorView get(LlamaTensor tensor, int layer) {
        return tensors.get(new Key(tensor, layer));
    }

    /** Bytes of all tensors as stored. */
    long bytes() {
        return tensors.values().stream().mapToLong(TensorTable::bytes).sum();
    }

    static long bytes(TensorView tensor) {
        return tensor.dtype().bytes(tensor.shape().stream().reduce(1L, (a, b) -> a * b));
    }

    /** How a format spells the name of a tensor. */
    interface Naming {
        String name(LlamaTensor tensor, int layer);
    }

    private record Key(LlamaTensor tensor, int layer) {}
}
