package io.chasqui.cli;

import io.chasqui.catalog.CatalogException;
import io.chasqui.loader.ModelFormatException;
import io.quarkus.runtime.annotations.QuarkusMain;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Where the program starts. Only {@code serve} starts Quarkus; the other commands stay quick. */
@QuarkusMain
@Command(
        name = "chasqui",
        description = "Serves Llama models behind the OpenAI API.",
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            ServeCommand.class,
            RunCommand.class,
            PullCommand.class,
            ModelsCommand.class,
            ShowCommand.class,
            RemoveCommand.class,
            KeyCommand.class,
            BenchCommand.class,
            PlanCommand.class,
            SelfTestCommand.class,
        })
public final class Main {

    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    /** All commands, ready to parse. */
    static CommandLine commandLine() {
        var commandLine =
                new CommandLine(new Main())
                        .setCaseInsensitiveEnumValuesAllowed(true)
                        .setExecutionExceptionHandler(
                                (e, command, _) -> report(e, command.getErr()))
                        .setParameterExceptionHandler((e, _) -> misused(e));
        commandLine.setDefaultValueProvider(new SettingDefaults());
        return commandLine;
    }

    /** What the user can mend is told in a sentence, anything else with its stack trace. */
    static int report(Throwable problem, PrintWriter err) {
        if (problem instanceof CatalogException
                || problem instanceof ModelFormatException
                || problem instanceof UserException) {
            err.println("chasqui: " + problem.getMessage());
        } else {
            problem.printStackTrace(err);
        }
        err.flush();
        return CommandLine.ExitCode.SOFTWARE;
    }

    /** A sentence instead of the whole help. */
    private static int misused(ParameterException e) {
        var command = e.getCommandLine();
        var err = command.getErr();
        err.println("chasqui: " + e.getMessage());
        if (!UnmatchedArgumentException.printSuggestions(e, err)) {
            err.println("See `" + command.getCommandSpec().qualifiedName() + " --help`.");
        }
        err.flush();
        return CommandLine.ExitCode.USAGE;
    }

    /** Reads the version that the build wrote down. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            var version = Main.class.getPackage().getImplementationVersion();
            return new String[] {"chasqui " + (version == null ? "(unpackaged)" : version)};
        }
    }
}
