package io.chasqui.cli;

import io.chasqui.engine.EngineListener;
import io.chasqui.model.ProgressListener;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code chasqui run}: a chat in the terminal. */
@Command(
        name = "run",
        description = {
            "Chat with a model in the terminal.",
            "With a prompt, or with text on standard input, it answers once and ends."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class RunCommand implements Callable<Integer> {
    @Mixin private ModelArgument model;

    @Parameters(
            index = "1..*",
            arity = "0..*",
            paramLabel = "PROMPT",
            description = "What to answer.")
    private List<String> prompt;

    @Option(names = "--system", paramLabel = "TEXT", description = "The system message.")
    private String system;

    @Mixin private Settings settings;

    @Override
    public Integer call() throws IOException {
        var config = settings.apply();
        var local = model.pull(config);
        try (var runtime = ModelRuntime.load(local, local.names(), config, ProgressListener.NONE)) {
            var served = runtime.start(EngineListener.NONE);
            if (served.template() == null) {
                throw new UserException(served.templateProblem());
            }
            var chat = new TerminalChat(served, System.out, system);
            InterruptKey.onPress(chat::interrupt);
            var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            if (prompt != null) {
                return chat.answerOnce(String.join(" ", prompt)) ? 0 : 1;
            }
            if (!Terminal.isInteractive()) {
                return chat.answerOnce(in.readAllAsString().strip()) ? 0 : 1;
            }
            chat.converse(in);
            return 0;
        }
    }
}
