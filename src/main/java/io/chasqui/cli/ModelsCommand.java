package io.chasqui.cli;

import io.chasqui.catalog.ModelCatalog;
import io.chasqui.catalog.ModelStore;
import io.chasqui.catalog.Progress;
import io.chasqui.config.ChasquiHome;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code chasqui models}: what is here, and what could be. */
@Command(
        name = "models",
        description = "List the models that are here.",
        mixinStandardHelpOptions = true)
final class ModelsCommand implements Callable<Integer> {
    @Option(names = "--all", description = "List the catalogue too.")
    private boolean all;

    @Override
    public Integer call() {
        var stored = ModelStore.open(ChasquiHome.path(), System.getenv(), Progress.NONE).list();
        for (var model : stored) {
            System.out.printf("%-20s %10s%n", model.name(), ProgressBar.size(model.size()));
        }
        if (stored.isEmpty()) {
            System.out.println("No models here yet; `chasqui pull` fetches one.");
        }
        if (all) {
            System.out.println();
            for (var entry : ModelCatalog.ofRelease().entries()) {
                System.out.printf(
                        "%-20s %-28s also %s%n",
                        entry.name(), entry.licence(), String.join(", ", entry.aliases()));
            }
        }
        return 0;
    }
}
