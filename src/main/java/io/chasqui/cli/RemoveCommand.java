package io.chasqui.cli;

import io.chasqui.catalog.ModelCatalog;
import io.chasqui.catalog.ModelStore;
import io.chasqui.catalog.Progress;
import io.chasqui.config.ChasquiHome;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code chasqui rm}: removes fetched models. */
@Command(name = "rm", description = "Remove fetched models.", mixinStandardHelpOptions = true)
final class RemoveCommand implements Callable<Integer> {
    @Parameters(
            arity = "1..*",
            paramLabel = "MODEL",
            description = "Names of models that are here.")
    private List<String> names;

    @Override
    public Integer call() {
        var catalog = ModelCatalog.ofRelease();
        var store = ModelStore.open(ChasquiHome.path(), System.getenv(), Progress.NONE);
        for (var name : names) {
            var entry = catalog.resolve(name);
            if (!store.remove(entry)) {
                throw new UserException(entry.name() + " is not in " + ChasquiHome.path() + ".");
            }
            System.out.println("Removed " + entry.name() + ".");
        }
        return 0;
    }
}
