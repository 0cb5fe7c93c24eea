package io.chasqui.cli;

import io.chasqui.catalog.ModelCatalog;
import io.chasqui.catalog.ModelStore;
import io.chasqui.catalog.Progress;
import io.chasqui.config.ChasquiHome;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code chasqui show}: what is known of a model. */
@Command(
        name = "show",
        description = "Show what is known of a model.",
        mixinStandardHelpOptions = true)
final class ShowCommand implements Callable<Integer> {
    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL",
            defaultValue = ModelCatalog.DEFAULT,
            description = "A name, file, folder or source.")
    private String name;

    @Override
    public Integer call() {
        var entry = ModelCatalog.ofRelease().resolve(name);
        var local = ModelStore.open(ChasquiHome.path(), System.getenv(), Progress.NONE).find(entry);
        line("name", entry.name());
        line("aliases", String.join(", ", entry.aliases()));
        line("licence", entry.licence());
        line("chat format", entry.chatFormat());
        line("size", entry.size() == null ? null : ProgressBar.size(entry.size()));
        line("SHA-256", entry.sha256());
        entry.sources().forEach(source -> line("source", source));
        line("sampling", entry.sampling() == null ? null : entry.sampling().toString());
        line("here", local.map(model -> model.path().toString()).orElse("no"));
        return 0;
    }

    private static void line(String label, String value) {
        if (value != null && !value.isEmpty()) {
            System.out.printf("%-12s %s%n", label, value);
        }
    }
}
