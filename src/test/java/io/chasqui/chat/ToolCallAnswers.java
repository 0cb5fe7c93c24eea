package io.chasqui.chat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.engine.IncrementalDetokenizer;
import io.chasqui.grammar.Grammar;
import io.chasqui.grammar.GrammarCompiler;
import io.chasqui.grammar.GrammarLimits;
import io.chasqui.grammar.GrammarSpec;
import io.chasqui.grammar.GrammarVocabulary;
import io.chasqui.grammar.ListedTokenizer;
import io.chasqui.grammar.SchemaOptions;
import io.chasqui.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Answers of a model without taste that has tools: any tokens that the grammar allows. */
final class ToolCallAnswers {
    static final ObjectMapper JSON = new ObjectMapper();

    private static final String[] TEXTS = {
        "{\"",
        "{\"name",
        "\":",
        "\": ",
        "\": \"",
        "\", \"",
        "\"}",
        "\"}}",
        "]}",
        "}}",
        "},",
        ", ",
        "parameters",
        "arguments",
        "<tool",
        "_call>",
        "<tool_call>",
        "</",
        "\n{\"",
        "\n\n",
        "; ",
        ";{",
        "brave_search",
        ".call(",
        "query=\"",
        "\")",
        "true",
        "12",
        "ab",
        "é",
        "🦙",
        "\\\"",
        "print(",
        "\\n",
        "Let me",
        " look"
    };

    private static final String[] SCHEMAS = {
        "{\"type\":\"object\",\"properties\":{}}",
        "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\",\"maxLength\":6}},\"required\":[\"city\"]}",
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":3}},\"required\":[\"b\"]},\"unit\":{\"enum\":[\"°C\",\"\\\"F\\\"\",\"}{\",\";\"]}},\"required\":[\"a\",\"unit\"]}",
        "{\"type\":\"object\",\"properties\":{\"any\":{},\"when\":{\"type\":[\"string\",\"null\"],\"maxLength\":4}},\"required\":[\"when\"]}",
        "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"boolean\"},\"maxProperties\":2}"
    };

    private static final String[] NAMES = {"f", "get_weather", "get_weather_2", "name", "a-b"};

    /** How answers like to begin. */
    private static final String[] BEGINNINGS = {
        "",
        "{\"name\":",
        "{\"name\": \"",
        "{ \"name\":",
        "{\"type\": \"function\", \"name\":",
        "Let me look.\n\n{\"name\": \"get_weather\"",
        "A line {\"name\": \"f\"\n\n{\"na",
        "<tool_call>",
        "I say <tool_cal <tool_call>",
        "\n{\"name\": \"get",
        "é🦙 {\"name\": 1}\n",
        "\uDFFF",
        "\uDFFFbrave_search.call(query=\"",
        "\uDFFFprint(\"a\\n\")\n",
        "\uDFFF{\"name\": \"",
        "Let me look. \uDFFF",
    };

    static final String FORMAT =
            "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":3}},\"required\":[\"name\"]}";

    static final ListedTokenizer TOKENIZER = new ListedTokenizer(TEXTS);
    private static final int MARKER = TOKENIZER.specialToken(ListedTokenizer.MARKER);

    static final GrammarVocabulary VOCABULARY =
            new GrammarVocabulary(TOKENIZER, MARKER, new int[] {TOKENIZER.end()});

    private static final GrammarCompiler COMPILER =
            new GrammarCompiler(VOCABULARY, GrammarLimits.DEFAULT);

    private final Random random;
    final ToolCallSyntax syntax;
    final ToolChoice choice;

    /** Whether an answer without a call has to be JSON. */
    final boolean formatted;

    private final Grammar grammar;

    ToolCallAnswers(long seed) {
        random = new Random(seed);
        syntax = syntaxes().get(random.nextInt(3));
        boolean required = random.nextInt(3) == 0;
        int maxCalls = List.of(1, 2, 128).get(random.nextInt(3));
        choice = new ToolChoice(required, tools(), maxCalls);
        formatted = random.nextInt(4) == 0;
        grammar = COMPILER.compile(syntax.answer(choice, formatted ? format() : null));
    }

    private static List<ToolCallSyntax> syntaxes() {
        return List.of(
                Llama3ChatTemplate.llama31().toolCalls(TOKENIZER),
                Llama3ChatTemplate.llama32(null).toolCalls(TOKENIZER),
                ChatMlTemplate.generic().toolCalls(TOKENIZER));
    }

    private static GrammarSpec format() {
        return new GrammarSpec.JsonSchema(FORMAT, SchemaOptions.DEFAULT);
    }

    private List<Tool> tools() {
        var tools = new ArrayList<Tool>();
        int count = 1 + random.nextInt(3);
        int first = random.nextInt(NAMES.length);
        for (int i = 0; i < count; i++) {
            tools.add(tool(NAMES[(first + i) % NAMES.length], SCHEMAS[random.nextInt(5)]));
        }
        if (random.nextInt(3) == 0) {
            tools.add(tool("brave_search", oneString("query")));
        }
        if (random.nextInt(3) == 0) {
            tools.add(tool("code_interpreter", oneString("code")));
        }
        return tools;
    }

    private static String oneString(String name) {
        return "{\"type\":\"object\",\"properties\":{\"%s\":{\"type\":\"string\"}},\"required\":[\"%s\"]}"
                .formatted(name, name);
    }

    static Tool tool(String name, String schema) {
        try {
            var definition = JSON.createObjectNode().put("type", "function");
            definition.putObject("function").put("name", name);
            return Tool.of(name, definition, (ObjectNode) JSON.readTree(schema), false);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * An answer.
     *
     * @param complete whether it ended by itself
     */
    record Answer(int[] tokens, boolean complete) {}

    Answer next(int maxTokens) {
        var matcher = grammar.matcher();
        var tokens = new ArrayList<Integer>();
        for (int token : encode(BEGINNINGS[random.nextInt(BEGINNINGS.length)])) {
            if (!matcher.advance(token)) {
                break;
            }
            tokens.add(token);
        }
        while (!matcher.mustEnd() && tokens.size() < maxTokens) {
            int token = choose(matcher.mask());
            if (!matcher.advance(token)) {
                throw new AssertionError("the mask allows " + token + " after " + tokens);
            }
            if (token == TOKENIZER.end()) {
                return answer(tokens, true);
            }
            tokens.add(token);
        }
        return answer(tokens, matcher.mustEnd());
    }

    /** The answer of a model that says these bytes, each as far as the grammar lets it. */
    Answer guided(byte[] wishes) {
        var matcher = grammar.matcher();
        var tokens = new ArrayList<Integer>();
        for (byte wish : wishes) {
            int token = wish & 0xff;
            if (!matcher.advance(token)) {
                token = allowed(matcher.mask(), token);
                if (!matcher.advance(token)) {
                    throw new AssertionError("the mask allows " + token + " after " + tokens);
                }
            }
            if (token == TOKENIZER.end()) {
                return answer(tokens, true);
            }
            tokens.add(token);
        }
        return answer(tokens, matcher.mustEnd());
    }

    private static int allowed(long[] mask, int number) {
        int[] tokens =
                IntStream.range(0, TOKENIZER.vocabSize())
                        .filter(token -> (mask[token >> 6] >>> token & 1) != 0)
                        .toArray();
        if (tokens.length == 0) {
            throw new AssertionError("no token may follow");
        }
        return tokens[tokens.length - 1 - number % tokens.length];
    }

    private static Answer answer(List<Integer> tokens, boolean complete) {
        return new Answer(tokens.stream().mapToInt(Integer::intValue).toArray(), complete);
    }

    /** As a model would say it: in no particular tokens. */
    private int[] encode(String text) {
        int marker = text.indexOf(GrammarVocabulary.MARKER);
        if (marker < 0) {
            return random.nextBoolean() ? TOKENIZER.encode(text) : bytewise(text);
        }
        int[] head = encode(text.substring(0, marker));
        int[] tail = encode(text.substring(marker + 1));
        int[] all = Arrays.copyOf(head, head.length + 1 + tail.length);
        all[head.length] = MARKER;
        System.arraycopy(tail, 0, all, head.length + 1, tail.length);
        return all;
    }

    private static int[] bytewise(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        Arrays.setAll(ids, i -> bytes[i] & 0xff);
        return ids;
    }

    private int choose(long[] mask) {
        int chosen = -1;
        int closing = -1;
        int seen = 0;
        for (int token = 0; token < TOKENIZER.vocabSize(); token++) {
            if ((mask[token >> 6] >>> token & 1) == 0) {
                continue;
            }
            if (random.nextInt(++seen) == 0) {
                chosen = token;
            }
            if (token == TOKENIZER.end() || token > 255 || token == '"' || token == '}') {
                closing = random.nextInt(3) == 0 || closing < 0 ? token : closing;
            }
        }
        if (chosen < 0) {
            throw new AssertionError("no token may follow");
        }
        return closing >= 0 && random.nextInt(3) > 0 ? closing : chosen;
    }

    /** The text of tokens as the engine gives it out, cut after each so many of them. */
    static List<String> text(int[] tokens, int atATime) {
        var detokenizer = new IncrementalDetokenizer(TOKENIZER);
        var pieces = new ArrayList<String>();
        var piece = new StringBuilder();
        for (int i = 0; i < tokens.length; i++) {
            piece.append(text(detokenizer, tokens[i], TOKENIZER));
            if ((i + 1) % atATime == 0) {
                pieces.add(piece.toString());
                piece.setLength(0);
            }
        }
        pieces.add(piece.append(detokenizer.flush()).toString());
        return pieces;
    }

    /** Parts that follow each other made one. */
    static List<AnswerPart> joined(List<AnswerPart> parts) {
        var joined = new ArrayList<AnswerPart>();
        for (var part : parts) {
            var last = joined.isEmpty() ? null : joined.getLast();
            if (part instanceof AnswerPart.Text more && last instanceof AnswerPart.Text text) {
                joined.set(joined.size() - 1, new AnswerPart.Text(text.text() + more.text()));
            } else if (part instanceof AnswerPart.Arguments more
                    && last instanceof AnswerPart.Arguments arguments) {
                joined.set(
                        joined.size() - 1,
                        new AnswerPart.Arguments(more.index(), arguments.json() + more.json()));
            } else {
                joined.add(part);
            }
        }
        return joined;
    }

    private static String text(IncrementalDetokenizer detokenizer, int token, Tokenizer tokenizer) {
        return token == MARKER
                ? detokenizer.flush() + GrammarVocabulary.MARKER
                : detokenizer.append(token);
    }
}
