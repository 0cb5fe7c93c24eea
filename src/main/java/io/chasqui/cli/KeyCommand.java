package io.chasqui.cli;

import io.chasqui.config.ChasquiHome;
import io.chasqui.config.KeyFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code chasqui key}: API keys. */
@Command(
        name = "key",
        description = "Make API keys.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = KeyCommand.New.class)
final class KeyCommand {

    @Command(
            name = "new",
            description = "Make a key. It is printed once; the key file keeps only its hash.",
            mixinStandardHelpOptions = true)
    static final class New implements Callable<Integer> {
        @Parameters(
                arity = "0..1",
                paramLabel = "NAME",
                description = "Whose key it is, for logs and limits; by default key-1, key-2, …")
        private String name;

        @Option(
                names = "--file",
                paramLabel = "FILE",
                description = "The key file; by default the one that `serve` uses.")
        private Path file = ChasquiHome.keyFile();

        @Option(
                names = "--min-priority",
                paramLabel = "N",
                description =
                        "Most urgent `priority` it may ask for; lower is more urgent (default: 0).")
        private int minPriority;

        @Override
        public Integer call() throws IOException {
            try {
                System.out.println(KeyFile.add(file, name, minPriority));
            } catch (IllegalArgumentException e) {
                throw new UserException(e.getMessage());
            }
            System.err.println("Its hash is in " + file + "; the key itself is not kept.");
            return 0;
        }
    }
}
