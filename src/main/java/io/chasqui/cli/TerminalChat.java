package io.chasqui.cli;

import io.chasqui.chat.ChatFormatException;
import io.chasqui.chat.ChatPrompt;
import io.chasqui.chat.Message;
import io.chasqui.chat.Message.Role;
import io.chasqui.chat.ServedModel;
import io.chasqui.engine.AdmissionException;
import io.chasqui.engine.EngineError;
import io.chasqui.engine.GenerationRequest;
import io.chasqui.engine.LlmEngine.Submission;
import io.chasqui.engine.OutputBuffer;
import io.chasqui.engine.RequestOutput;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;

/** A conversation in the terminal: remembers what was said, streams the answers. */
final class TerminalChat {
    private static final String HELP =
            """
            /set NAME VALUE  set temperature, top_p, top_k, min_p, max_tokens or seed
            /set system TEXT set the system message and forget the conversation
            /show            show these settings
            /clear           forget the conversation
            /bye             leave (so does Ctrl-D); Ctrl-C stops an answer
            \"""              begins and ends a message of several lines""";

    private final ServedModel model;
    private final PrintStream out;
    private final ChatSettings settings;
    private final List<Message> history = new ArrayList<>();
    private String system;
    private volatile Submission answering;
    private int turns;

    /**
     * @param system the system message, or null for none
     */
    TerminalChat(ServedModel model, PrintStream out, String system) {
        this.model = model;
        this.out = out;
        this.system = system;
        this.settings = new ChatSettings(model.defaults());
        clear();
    }

    /** Answers one message. Returns whether that went well. */
    boolean answerOnce(String text) {
        return answer(text);
    }

    /** Reads and answers messages until the input ends or the user leaves. */
    void converse(BufferedReader in) throws IOException {
        out.println(model.id() + " is ready. /? for help, /bye or Ctrl-D to leave.");
        while (true) {
            var text = readMessage(in);
            if (text == null || text.strip().equals("/bye")) {
                out.println();
                return;
            }
            if (text.strip().startsWith("/")) {
                command(text.strip());
            } else if (!text.isBlank()) {
                answer(text);
            }
        }
    }

    /** Ctrl-C: stops the answer; without one it only says how to leave. */
    void interrupt() {
        var current = answering;
        if (current != null) {
            current.abort();
        } else {
            out.print("\n/bye or Ctrl-D to leave.\n>>> ");
            out.flush();
        }
    }

    private String readMessage(BufferedReader in) throws IOException {
        out.print(">>> ");
        out.flush();
        var line = in.readLine();
        if (line == null || !line.startsWith("\"\"\"")) {
            return line;
        }
        var text = new StringBuilder(line.substring(3));
        while (text.indexOf("\"\"\"") < 0) {
            out.print("... ");
            out.flush();
            line = in.readLine();
            if (line == null) {
                break;
            }
            text.append('\n').append(line);
        }
        int end = text.indexOf("\"\"\"");
        return end < 0 ? text.toString() : text.substring(0, end);
    }

    private void command(String line) {
        var words = line.split("\\s+", 3);
        switch (words[0]) {
            case "/clear" -> {
                clear();
                out.println("The conversation is forgotten.");
            }
            case "/show" -> out.println(settings);
            case "/set" -> set(words);
            case "/?", "/help" -> out.println(HELP);
            default -> out.println("There is no command " + words[0] + "; /? lists them.");
        }
    }

    private void set(String[] words) {
        if (words.length < 3) {
            out.println("/set needs a name and a value; /? lists the names.");
            return;
        }
        if (words[1].equals("system")) {
            system = words[2];
            clear();
            return;
        }
        try {
            settings.set(words[1], words[2]);
        } catch (IllegalArgumentException e) {
            out.println(e.getMessage());
        }
    }

    private void clear() {
        history.clear();
        if (system != null) {
            history.add(Message.of(Role.SYSTEM, system));
        }
    }

    private boolean answer(String text) {
        history.add(Message.of(Role.USER, text));
        try {
            var prompt = model.template().render(ChatPrompt.of(history), model.tokenizer());
            var answer = new StringBuilder();
            var error = stream(prompt, answer);
            out.println();
            history.add(Message.of(Role.ASSISTANT, answer.toString()));
            if (error == null || error.kind() == EngineError.Kind.ABORTED) {
                return true;
            }
            out.println("The answer broke off: " + error.message());
        } catch (AdmissionException | ChatFormatException e) {
            history.removeLast();
            out.println(e.getMessage());
        }
        return false;
    }

    /** Prints the answer as it comes. Returns why it broke off, or null. */
    private EngineError stream(int[] prompt, StringBuilder answer) {
        var news = new Semaphore(0);
        var outputs = new OutputBuffer(news::release);
        var submission = model.engine().submit(request(prompt), outputs);
        answering = submission;
        try {
            while (true) {
                news.acquireUninterruptibly();
                int read = 0;
                for (RequestOutput output; (output = outputs.poll()) != null; read++) {
                    answer.append(output.text());
                    out.print(output.text());
                    if (output.last()) {
                        return output.error();
                    }
                }
                out.flush();
                if (read >= OutputBuffer.LIMIT) {
                    submission.resume();
                }
            }
        } finally {
            answering = null;
        }
    }

    private GenerationRequest request(int[] prompt) {
        return new GenerationRequest(
                "run-" + ++turns,
                prompt,
                settings.sampling(model.maxModelLen() - prompt.length),
                0,
                "",
                "",
                null,
                null);
    }
}
