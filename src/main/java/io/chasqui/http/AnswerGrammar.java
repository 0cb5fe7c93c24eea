package io.chasqui.http;

import io.chasqui.chat.ModelGrammars;
import io.chasqui.chat.ServedModel;
import io.chasqui.grammar.Grammar;
import io.chasqui.grammar.GrammarException;
import io.chasqui.grammar.GrammarSpec;

/** Compiles what a request says that its answer must be. To be used off the event loop. */
final class AnswerGrammar {
    private final ModelGrammars grammars;

    private AnswerGrammar(ModelGrammars grammars) {
        this.grammars = grammars;
    }

    /**
     * The grammar of a format; null when the answer is free.
     *
     * @throws ApiException naming the member that cannot be enforced
     */
    static Grammar of(ServedModel model, AnswerFormat format) {
        return format.isFree()
                ? null
                : new AnswerGrammar(model.grammars()).compile(format.spec(), format.param());
    }

    /**
     * The grammar of an answer that may call tools.
     *
     * @throws ApiException naming the member that cannot be enforced
     */
    static Grammar of(ServedModel model, AnswerFormat format, ToolOptions tools) {
        var choice = tools.choice();
        if (choice == null) {
            return of(model, format);
        }
        var compiler = new AnswerGrammar(model.grammars());
        var syntax = model.template().toolCalls(model.tokenizer());
        try {
            return compiler.compile(syntax.answer(choice, format.spec()), "tools");
        } catch (ApiException refusal) {
            compiler.checkEach(format, tools);
            throw refusal;
        }
    }

    /** Finds the one to blame. */
    private void checkEach(AnswerFormat format, ToolOptions tools) {
        if (!format.isFree()) {
            compile(format.spec(), format.param());
        }
        for (int i = 0; i < tools.tools().size(); i++) {
            compile(tools.tools().get(i).arguments(), ToolOptions.schemaPath(i));
        }
    }

    private Grammar compile(GrammarSpec spec, String param) {
        try {
            return grammars.get(spec);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("compiling was interrupted", e);
        } catch (GrammarException e) {
            throw new ApiException(
                    ApiError.invalidSchema(param, "'" + param + "': " + e.getMessage()));
        }
    }
}
