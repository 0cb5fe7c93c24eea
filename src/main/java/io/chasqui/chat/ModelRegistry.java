package io.chasqui.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

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
    private final List<Consumer<ServedModel>> listeners = new ArrayList<>();

    public State state() {
        return state;
    }

    public void state(State next) {
        state = next;
    }

    /** Calls the action with every model there is and every one to come. */
    public synchronized void onAdd(Consumer<ServedModel> action) {
        models.forEach(action);
        listeners.add(action);
    }

    /** Makes a model known under its id and aliases. */
    public synchronized void add(ServedModel model) {
        var names = new LinkedHashMap<>(byName);
        names.put(model.id(), model);
        model.aliases().forEach(alias -> names.put(alias, model));
        var all = new ArrayList<>(models);
        all.add(model);
        byName = Map.copyOf(names);
        models = List.copyOf(all);
        listeners.forEach(listener -> listener.accept(model));
    }

    public Optional<ServedModel> find(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    public List<ServedModel> models() {
        return models;
    }
}
