package io.chasqui.cli;

import io.chasqui.catalog.LocalModel;
import io.chasqui.catalog.ModelCatalog;
import io.chasqui.catalog.ModelStore;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.config.ChasquiHome;
import picocli.CommandLine.Parameters;

/** The model that a command is about. */
final class ModelArgument {
    @Parameters(
            arity = "0..1",
            paramLabel = "MODEL",
            defaultValue = ModelCatalog.DEFAULT,
            description =
                    "A name of `chasqui models --all`, a .gguf file, a model folder, or"
                            + " hf:organisation/repository[@revision][/file] (default: a small model"
                            + " that runs anywhere).")
    private String name;

    /** The model's files, fetched if need be; none are needed for random weights. */
    LocalModel pull(ChasquiConfig config) {
        if (config.loadFormat() == ChasquiConfig.LoadFormat.DUMMY) {
            var geometry =
                    config.geometry()
                            .orElseThrow(
                                    () ->
                                            new UserException(
                                                    "--load-format dummy needs --geometry, for"
                                                            + " example llama-3.2-1b."));
            return LocalModel.withoutFiles(geometry);
        }
        return pull();
    }

    LocalModel pull() {
        var entry = ModelCatalog.ofRelease().resolve(name);
        var progress = new ProgressBar(System.err, Terminal.isInteractive());
        return ModelStore.open(ChasquiHome.path(), System.getenv(), progress).pull(entry);
    }
}
