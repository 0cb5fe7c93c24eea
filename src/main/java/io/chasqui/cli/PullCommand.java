package io.chasqui.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code chasqui pull}: fetches a model without starting it. */
@Command(name = "pull", description = "Fetch a model.", mixinStandardHelpOptions = true)
final class PullCommand implements Callable<Integer> {
    @Mixin private ModelArgument model;

    @Option(names = "--print-path", description = "Print where the model lies and nothing else.")
    private boolean printPath;

    @Override
    public Integer call() {
        var local = model.pull();
        System.out.println(printPath ? local.path() : local.name() + " is at " + local.path());
        return 0;
    }
}
