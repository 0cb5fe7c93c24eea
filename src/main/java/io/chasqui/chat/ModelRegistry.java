package io.chasqui.chat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The models being served and whether the server is ready for requests. Safe for many threads. */
public final class ModelRegistry {

    /** Where the server is in its life. */
    public enum State {
        STARTING,
        READY,
        DRAINING,
        DEAD
    }

    private volatile State state = State.STARTING;
    private volatile Map<String, ServedModel> byName = Map.of();
    private volatile List<ServedModel> models = List.of();

    public State state() {
        return state;
    }

    public void state(State next) {
        state = next;
    }

    /** Makes a model known under its id and aliases. */
    public synchronized void add(ServedModel model) {
        var names = new LinkedHashMap<>(byName);
        names.put(model.id(), model);
        model.aliases().forEach(alias -> names.put(alias, model));
        var all = new java.util.ArrayList<>(models);
        all.add(model);
        byName = Map.copyOf(names);
        models = List.copyOf(all);
    }

    public Optional<ServedModel> find(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    public List<ServedModel> models() {
        return models;
    }
}
