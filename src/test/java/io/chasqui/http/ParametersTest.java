package io.chasqui.http;

import static io.chasqui.http.RequestTable.accepts;
import static io.chasqui.http.RequestTable.rejects;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every parameter of chat and plain completions: what passes, and what is said to the rest. */
class ParametersTest {

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "\"stop\":\"x\"",
                "\"stop\":[\"a\",\"b\",\"c\",\"d\"]",
                "\"stop\":[]",
                "\"logit_bias\":{\"0\":100,\"5\":-100}",
                "\"logit_bias\":{}",
                "\"stop_token_ids\":[0,5]",
                "\"ignore_eos\":true",
                "\"include_stop_str_in_output\":true",
                "\"return_token_ids\":true",
                "\"cache_salt\":\"Az09_-\"",
                "\"user\":\"someone\"",
                "\"stream\":true,\"stream_options\":{\"include_usage\":true}",
                "\"stream\":true,\"stream_options\":{\"include_obfuscation\":true,\"continuous_usage_stats\":true}",
                "\"stream\":false",
                "\"stream_options\":null",
                "\"use_beam_search\":false",
                "\"structured_outputs\":null",
                "\"kv_transfer_params\":null",
            })
    void passInBoth(String members) {
        accepts("chat " + members, () -> RequestTable.chatWith(members));
        accepts("completion " + members, () -> RequestTable.completionWith(members));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "\"stop\":\"\" | invalid_value | stop",
                "\"stop\":[\"a\",\"\"] | invalid_value | stop[1]",
                "\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"] | invalid_value | stop",
                "\"stop\":1 | invalid_value | stop",
                "\"stop\":[1] | invalid_value | stop[0]",
                "\"logit_bias\":[] | invalid_value | logit_bias",
                "\"logit_bias\":{\"x\":1} | invalid_value | logit_bias.x",
                "\"logit_bias\":{\"-1\":1} | invalid_value | logit_bias.-1",
                "\"logit_bias\":{\"01\":1} | invalid_value | logit_bias.01",
                "\"logit_bias\":{\"1\":100.5} | invalid_value | logit_bias.1",
                "\"logit_bias\":{\"1\":null} | invalid_value | logit_bias.1",
                "\"stop_token_ids\":[-1] | invalid_value | stop_token_ids[0]",
                "\"stop_token_ids\":[1.5] | invalid_value | stop_token_ids[0]",
                "\"stop_token_ids\":5 | invalid_value | stop_token_ids",
                "\"ignore_eos\":1 | invalid_value | ignore_eos",
                "\"ignore_eos\":\"true\" | invalid_value | ignore_eos",
                "\"include_stop_str_in_output\":0 | invalid_value | include_stop_str_in_output",
                "\"return_token_ids\":\"yes\" | invalid_value | return_token_ids",
                "\"cache_salt\":\"\" | invalid_value | cache_salt",
                "\"cache_salt\":\"a b\" | invalid_value | cache_salt",
                "\"cache_salt\":5 | invalid_value | cache_salt",
                "\"user\":5 | invalid_value | user",
                "\"stream\":\"true\" | invalid_value | stream",
                "\"stream_options\":{} | invalid_value | stream_options",
                "\"stream\":true,\"stream_options\":[] | invalid_value | stream_options",
                "\"stream\":true,\"stream_options\":{\"x\":1} | unknown_parameter | stream_options.x",
                "\"stream\":true,\"stream_options\":{\"include_usage\":1} | invalid_value | stream_options.include_usage",
                "\"use_beam_search\":true | unsupported_parameter | use_beam_search",
                "\"structured_outputs\":{} | invalid_value | structured_outputs",
                "\"structured_outputs\":{\"regex\":\"a\",\"choice\":[\"a\"]} | invalid_value | structured_outputs",
                "\"structured_outputs\":{\"regex\":5} | invalid_value | structured_outputs.regex",
                "\"structured_outputs\":{\"choice\":[]} | invalid_value | structured_outputs.choice",
                "\"structured_outputs\":{\"choice\":[1]} | invalid_value | structured_outputs.choice[0]",
                "\"structured_outputs\":{\"json\":5} | invalid_value | structured_outputs.json",
                "\"structured_outputs\":{\"nonsense\":1} | unknown_parameter | structured_outputs.nonsense",
                "\"structured_outputs\":{\"regex\":\"a\"},\"response_format\":{\"type\":\"json_object\"} | invalid_value | structured_outputs",
                "\"prompt_embeds\":\"x\" | unsupported_parameter | prompt_embeds",
                "\"kv_transfer_params\":{} | unsupported_parameter | kv_transfer_params",
                "\"nonsense\":1 | unknown_parameter | nonsense",
                "\"nonsense\":null | unknown_parameter | nonsense",
                "\"guided_json\":{} | unknown_parameter | guided_json",
                "\"model\":5 | invalid_json |",
            })
    void failInBoth(String members, String code, String param) {
        rejects("chat " + members, () -> RequestTable.chatWith(members), code, param);
        rejects("completion " + members, () -> RequestTable.completionWith(members), code, param);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "\"max_tokens\":5,\"max_completion_tokens\":6",
                "\"logprobs\":true",
                "\"logprobs\":false",
                "\"logprobs\":true,\"top_logprobs\":20",
                "\"top_logprobs\":0",
                "\"response_format\":{\"type\":\"text\"}",
                "\"response_format\":null",
                "\"tools\":[]",
                "\"tools\":null",
                "\"tool_choice\":\"none\"",
                "\"tool_choice\":\"auto\"",
                "\"parallel_tool_calls\":false",
                "\"parallel_tool_calls\":true",
                "\"safety_identifier\":\"a\",\"prompt_cache_key\":\"b\",\"prompt_cache_retention\":\"24h\"",
                "\"prompt_cache_options\":{\"ttl\":\"30m\",\"mode\":\"implicit\"}",
                "\"metadata\":{\"a\":\"b\"}",
                "\"metadata\":{}",
                "\"prediction\":{\"type\":\"content\",\"content\":\"abc\"}",
                "\"prediction\":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"abc\"}]}",
                "\"service_tier\":\"auto\"",
                "\"service_tier\":\"default\"",
                "\"service_tier\":\"flex\"",
                "\"store\":false",
                "\"store\":null",
                "\"modalities\":[\"text\"]",
                "\"verbosity\":\"medium\"",
                "\"reasoning_effort\":\"none\"",
                "\"moderation\":null",
                "\"audio\":null,\"web_search_options\":null,\"functions\":null,\"function_call\":null",
                "\"chat_template\":null,\"chat_template_kwargs\":null",
                "\"add_generation_prompt\":false",
                "\"continue_final_message\":false",
                "\"temperature\":null,\"n\":null,\"stop\":null,\"seed\":null,\"logit_bias\":null",
            })
    void passInChat(String members) {
        accepts(members, () -> RequestTable.chatWith(members));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "\"top_logprobs\":5 | invalid_value | top_logprobs",
                "\"logprobs\":5 | invalid_value | logprobs",
                "\"response_format\":{\"type\":\"xml\"} | invalid_value | response_format.type",
                "\"response_format\":{\"type\":\"json_schema\"} | missing_required_parameter | response_format.json_schema",
                "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}} | missing_required_parameter | response_format.json_schema.name",
                "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a b\"}} | invalid_value | response_format.json_schema.name",
                "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":[]}} | invalid_value | response_format.json_schema.schema",
                "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"strict\":1}} | invalid_value | response_format.json_schema.strict",
                "\"response_format\":{\"type\":\"json_object\",\"x\":1} | unknown_parameter | response_format.x",
                "\"response_format\":\"text\" | invalid_value | response_format",
                "\"response_format\":{} | missing_required_parameter | response_format.type",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"\"}}] | invalid_value | tools[0].function.name",
                "\"tools\":{} | invalid_value | tools",
                "\"tool_choice\":\"required\" | invalid_value | tool_choice",
                "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}} | invalid_value | tool_choice",
                "\"tool_choice\":\"sometimes\" | invalid_value | tool_choice",
                "\"tool_choice\":5 | invalid_value | tool_choice",
                "\"parallel_tool_calls\":\"no\" | invalid_value | parallel_tool_calls",
                "\"safety_identifier\":5 | invalid_value | safety_identifier",
                "\"prompt_cache_key\":[] | invalid_value | prompt_cache_key",
                "\"prompt_cache_options\":{\"x\":1} | unknown_parameter | prompt_cache_options.x",
                "\"metadata\":[] | invalid_value | metadata",
                "\"metadata\":{\"a\":1} | invalid_value | metadata.a",
                "\"prediction\":{\"type\":\"x\",\"content\":\"\"} | invalid_value | prediction.type",
                "\"prediction\":{\"type\":\"content\"} | missing_required_parameter | prediction.content",
                "\"prediction\":\"abc\" | invalid_value | prediction",
                "\"service_tier\":\"priority\" | unsupported_parameter | service_tier",
                "\"service_tier\":\"scale\" | unsupported_parameter | service_tier",
                "\"service_tier\":\"fast\" | unsupported_parameter | service_tier",
                "\"service_tier\":\"gold\" | invalid_value | service_tier",
                "\"store\":true | unsupported_parameter | store",
                "\"modalities\":[\"text\",\"audio\"] | unsupported_parameter | modalities",
                "\"modalities\":\"text\" | invalid_value | modalities",
                "\"verbosity\":\"high\" | unsupported_parameter | verbosity",
                "\"verbosity\":\"loud\" | invalid_value | verbosity",
                "\"reasoning_effort\":\"low\" | unsupported_parameter | reasoning_effort",
                "\"reasoning_effort\":1 | invalid_value | reasoning_effort",
                "\"moderation\":{\"model\":\"g\"} | unsupported_parameter | moderation",
                "\"audio\":{} | unsupported_parameter | audio",
                "\"web_search_options\":{} | unsupported_parameter | web_search_options",
                "\"functions\":[] | unsupported_parameter | functions",
                "\"function_call\":\"auto\" | unsupported_parameter | function_call",
                "\"best_of\":1 | unsupported_parameter | best_of",
                "\"chat_template\":\"{{x}}\" | unsupported_parameter | chat_template",
                "\"chat_template_kwargs\":{} | unsupported_parameter | chat_template_kwargs",
                "\"mm_processor_kwargs\":{} | unsupported_parameter | mm_processor_kwargs",
                "\"media_io_kwargs\":{} | unsupported_parameter | media_io_kwargs",
                "\"continue_final_message\":true | invalid_value | continue_final_message",
                "\"continue_final_message\":true,\"add_generation_prompt\":false | invalid_value | continue_final_message",
                "\"echo\":true | unknown_parameter | echo",
                "\"suffix\":\"x\" | unknown_parameter | suffix",
            })
    void failInChat(String members, String code, String param) {
        rejects(members, () -> RequestTable.chatWith(members), code, param);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "{\"model\":\"m\",\"prompt\":\"x\"}",
                "{\"model\":\"m\",\"prompt\":[\"x\",\"y\"]}",
                "{\"model\":\"m\",\"prompt\":[1,2,3]}",
                "{\"model\":\"m\",\"prompt\":[[1,2],[3]]}",
                "{\"model\":\"m\",\"prompt\":\" \"}",
                "{\"model\":\"m\",\"prompt\":\"x\",\"suffix\":\"\"}",
                "{\"model\":\"m\",\"prompt\":\"x\",\"suffix\":null}",
                "{\"model\":\"m\",\"prompt\":\"x\",\"best_of\":1}",
                "{\"model\":\"m\",\"prompt\":\"x\",\"best_of\":2,\"n\":2}",
                "{\"model\":\"m\",\"prompt\":\"x\",\"echo\":true,\"max_tokens\":0,\"logprobs\":5}",
            })
    void passInCompletions(String json) {
        accepts(json, () -> RequestTable.completion(json));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "{\"model\":\"m\"} | missing_required_parameter | prompt",
                "{\"prompt\":\"x\"} | missing_required_parameter | model",
                "{\"model\":\"m\",\"prompt\":null} | missing_required_parameter | prompt",
                "{\"model\":\"m\",\"prompt\":\"\"} | invalid_value | prompt",
                "{\"model\":\"m\",\"prompt\":[]} | invalid_value | prompt",
                "{\"model\":\"m\",\"prompt\":[\"\"]} | invalid_value | prompt[0]",
                "{\"model\":\"m\",\"prompt\":[[]]} | invalid_value | prompt[0]",
                "{\"model\":\"m\",\"prompt\":[\"x\",[]]} | invalid_value | prompt[1]",
                "{\"model\":\"m\",\"prompt\":[1,\"x\"]} | invalid_value | prompt[1]",
                "{\"model\":\"m\",\"prompt\":[1,-1]} | invalid_value | prompt[1]",
                "{\"model\":\"m\",\"prompt\":[1.5]} | invalid_value | prompt[0]",
                "{\"model\":\"m\",\"prompt\":[[1,2147483648]]} | invalid_value | prompt[0][1]",
                "{\"model\":\"m\",\"prompt\":[null]} | invalid_value | prompt[0]",
                "{\"model\":\"m\",\"prompt\":5} | invalid_value | prompt",
                "{\"model\":\"m\",\"prompt\":{}} | invalid_value | prompt",
                "{\"model\":\"m\",\"prompt\":\"x\",\"suffix\":\"y\"} | unsupported_parameter | suffix",
                "{\"model\":\"m\",\"prompt\":\"x\",\"best_of\":3,\"n\":2} | unsupported_parameter | best_of",
                "{\"model\":\"m\",\"prompt\":\"x\",\"best_of\":0} | invalid_value | best_of",
                "{\"model\":\"m\",\"prompt\":\"x\",\"echo\":1} | invalid_value | echo",
                "{\"model\":\"m\",\"prompt\":\"x\",\"logprobs\":true} | invalid_value | logprobs",
                "{\"model\":\"m\",\"prompt\":\"x\",\"messages\":[]} | unknown_parameter | messages",
            })
    void failInCompletions(String json, String code, String param) {
        rejects(json, () -> RequestTable.completion(json), code, param);
    }

    @Test
    void boundsEveryArrayAndMap() {
        var ids = "\"stop_token_ids\":[" + "1,".repeat(64) + "1]";
        rejects("ids", () -> RequestTable.chatWith(ids), "invalid_value", "stop_token_ids");
        var bias = new StringBuilder("\"logit_bias\":{\"0\":0");
        for (int i = 1; i <= 1024; i++) {
            bias.append(",\"").append(i).append("\":0");
        }
        rejects("bias", () -> RequestTable.chatWith(bias + "}"), "invalid_value", "logit_bias");
        var metadata = new StringBuilder("\"metadata\":{\"0\":\"\"");
        for (int i = 1; i <= 16; i++) {
            metadata.append(",\"").append(i).append("\":\"\"");
        }
        rejects(
                "metadata",
                () -> RequestTable.chatWith(metadata + "}"),
                "invalid_value",
                "metadata");
        var longKey = "k".repeat(65);
        rejects(
                "metadata key",
                () -> RequestTable.chatWith("\"metadata\":{\"" + longKey + "\":\"\"}"),
                "invalid_value",
                "metadata." + longKey);
        rejects(
                "metadata value",
                () -> RequestTable.chatWith("\"metadata\":{\"a\":\"" + "v".repeat(513) + "\"}"),
                "invalid_value",
                "metadata.a");
        var prompts = "{\"model\":\"m\",\"prompt\":[" + "\"x\",".repeat(128) + "\"x\"]}";
        rejects("prompts", () -> RequestTable.completion(prompts), "invalid_value", "prompt");
        rejects(
                "stop",
                () -> RequestTable.chatWith("\"stop\":\"" + "ä".repeat(513) + "\""),
                "invalid_value",
                "stop");
        accepts("stop", () -> RequestTable.chatWith("\"stop\":\"" + "ä".repeat(512) + "\""));
        rejects(
                "identifier",
                () -> RequestTable.chatWith("\"safety_identifier\":\"" + "x".repeat(65) + "\""),
                "invalid_value",
                "safety_identifier");
        rejects(
                "salt",
                () -> RequestTable.chatWith("\"cache_salt\":\"" + "x".repeat(65) + "\""),
                "invalid_value",
                "cache_salt");
    }

    @Test
    void newNameOfTheTokenLimitWins() {
        var request = RequestTable.chatWith("\"max_tokens\":5,\"max_completion_tokens\":6");
        assertEquals(6, request.maxTokens());
        assertEquals(5, RequestTable.chatWith("\"max_tokens\":5").maxTokens());
        assertEquals(null, RequestTable.chatWith("").maxTokens());
    }

    @Test
    void idsOutsideTheVocabularyAreNamed() {
        rejects(
                "bias",
                () ->
                        RequestTable.chatWith("\"logit_bias\":{\"10\":1}")
                                .options()
                                .checkVocabulary(10),
                "invalid_value",
                "logit_bias.10");
        RequestTable.chatWith("\"logit_bias\":{\"9\":1}").options().checkVocabulary(10);
        rejects(
                "stop",
                () ->
                        RequestTable.chatWith("\"stop_token_ids\":[10]")
                                .options()
                                .checkVocabulary(10),
                "invalid_value",
                "stop_token_ids");
        rejects(
                "prompt",
                () ->
                        RequestTable.completion("{\"model\":\"m\",\"prompt\":[[1],[10]]}")
                                .checkVocabulary(10),
                "invalid_value",
                "prompt[1]");
    }

    @Test
    void fillsInTheModelsDefaultsOnly() {
        var defaults = new io.chasqui.chat.ServedModel.GenerationDefaults(0.6f, 0.9f, 40, 1.1f);
        var plain = RequestTable.chatWith("").options().samplingParams(defaults, null, 10, -1, -1);
        assertEquals(0.6f, plain.sampler().temperature());
        assertEquals(0.9f, plain.sampler().topP());
        assertEquals(40, plain.sampler().topK());
        assertEquals(1.1f, plain.sampler().repetitionPenalty());
        var own =
                RequestTable.chatWith(
                                "\"temperature\":1.5,\"top_p\":0,\"top_k\":-1,\"repetition_penalty\":2,"
                                        + "\"seed\":-7,\"n\":3,\"min_p\":0.25,\"logit_bias\":{\"7\":1,\"3\":-2}")
                        .options()
                        .samplingParams(defaults, null, 10, 5, -1);
        assertEquals(1.5f, own.sampler().temperature());
        assertEquals(0f, own.sampler().topP());
        assertEquals(0, own.sampler().topK());
        assertEquals(2f, own.sampler().repetitionPenalty());
        assertEquals(-7, own.seed());
        assertEquals(3, own.n());
        assertEquals(0.25f, own.sampler().minP());
        assertEquals(
                List.of(3, 7), java.util.Arrays.stream(own.sampler().biasIds()).boxed().toList());
        assertEquals(-2f, own.sampler().biasValues()[0]);
        assertEquals(5, own.numLogprobs());
    }

    @Test
    void minTokensAboveTheLimitIsRefused() {
        var options = RequestTable.chatWith("\"min_tokens\":11").options();
        var defaults = io.chasqui.chat.ServedModel.GenerationDefaults.OPENAI;
        rejects(
                "min",
                () -> options.samplingParams(defaults, null, 10, -1, -1),
                "invalid_value",
                "min_tokens");
    }
}
