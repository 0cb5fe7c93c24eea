// LangChain's chat model for OpenAI against a running server; see run.sh.
import assert from 'node:assert/strict';
import { ChatOpenAI } from '@langchain/openai';
import { AIMessage, HumanMessage, SystemMessage, ToolMessage, createAgent, tool } from 'langchain';
import { z } from 'zod';
import * as suite from './suite.mjs';
import { ASK, BASE_URL, KEY, LONG, MODEL, assertAborted, collect, isRunning, raises } from './suite.mjs';

const setup = `new ChatOpenAI({ model: "…", apiKey: "any",
  configuration: { baseURL: "http://127.0.0.1:8000/v1" } })`;

function chatModel({ apiKey = KEY, baseURL = BASE_URL, ...more } = {}) {
  return new ChatOpenAI({
    model: MODEL, apiKey, configuration: { baseURL }, temperature: 0, maxTokens: 40, maxRetries: 0, ...more,
  });
}

const parrot = () => chatModel({
  model: suite.PARROT, baseURL: suite.scriptedUrl(), apiKey: 'any', maxTokens: 300,
});

const Weather = z.object({ city: z.enum(['Quito', 'Cusco']), days: z.number().int().min(1).max(3) });
const getWeather = tool(({ city }) => `${suite.SUNNY} in ${city}`, {
  name: 'get_weather', description: 'Weather of a city',
  schema: z.object({ city: z.enum(['Quito', 'Cusco']) }),
});
const getTime = tool(() => 'noon', { name: 'get_time', description: 'The time', schema: z.object({}) });

const merged = async (stream) => (await collect(stream)).reduce((a, b) => a.concat(b));
const callsOf = (message) => message.tool_calls.map((c) => [c.name, c.args]);
const refused = (kind, options) => raises(Error, () => chatModel(options).invoke(ASK)).then((e) => {
  assert.equal(e.status, kind, e.message);
  return e;
});

const cases = {
  plain: {
    async plain() {
      const answer = await chatModel().invoke([new SystemMessage('You are terse.'), new HumanMessage(ASK)]);
      assert.ok(answer.content);
      const usage = answer.usage_metadata;
      assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
    },

    async conversation() {
      const question = new HumanMessage(ASK);
      const model = chatModel();
      for (const first of [await model.invoke([question]), await merged(await model.stream([question]))]) {
        assert.ok((await model.invoke([question, first, new HumanMessage('And then?')])).content);
      }
    },
  },

  streaming: {
    async streaming() {
      const whole = await chatModel().invoke(ASK);
      const streamed = await merged(await chatModel().stream(ASK));
      assert.equal(streamed.content, whole.content);
      assert.equal(streamed.usage_metadata.output_tokens, whole.usage_metadata.output_tokens);
      assert.equal(streamed.response_metadata.finish_reason, whole.response_metadata.finish_reason);
    },
  },

  parameters: {
    async parameters() {
      const five = await chatModel({ maxTokens: 5 }).invoke(ASK);
      assert.equal(five.response_metadata.finish_reason, 'length');
      assert.equal(five.usage_metadata.output_tokens, 5);
      const text = (await chatModel().invoke(ASK)).content;
      const middle = text.slice(10, 13);
      const stopped = await chatModel({ stop: [middle] }).invoke(ASK);
      assert.equal(stopped.content, text.slice(0, text.indexOf(middle)));
      const seeded = chatModel({ temperature: 1, modelKwargs: { seed: 7 } });
      assert.equal((await seeded.invoke(ASK)).content, (await seeded.invoke(ASK)).content);
      const { logprobs } = (await chatModel({ logprobs: true, topLogprobs: 3 }).invoke(ASK)).response_metadata;
      assert.equal(logprobs.content.map((t) => t.token).join(''), text);
    },
  },

  tools: {
    async tool_round_trip() {
      const bound = chatModel({ maxTokens: 120 }).bindTools([getWeather, getTime], { tool_choice: 'get_weather' });
      const answer = await bound.invoke(ASK);
      assert.deepEqual(answer.tool_calls.map((c) => c.name), ['get_weather']);
      const result = await getWeather.invoke(answer.tool_calls[0]);
      const free = chatModel().bindTools([getWeather, getTime], { tool_choice: 'none' });
      const final = await free.invoke([new HumanMessage(ASK), answer, result]);
      assert.ok(final.content);
      assert.deepEqual(final.tool_calls, []);
    },

    async tool_streaming() {
      for (const tool_choice of ['get_weather', 'any', 'required']) {
        const bound = chatModel({ maxTokens: 120 }).bindTools([getWeather, getTime], { tool_choice, strict: true });
        const whole = await bound.invoke(ASK);
        assert.ok(whole.tool_calls.length > 0);
        assert.deepEqual(callsOf(await merged(await bound.stream(ASK))), callsOf(whole));
      }
    },

    async tool_without_arguments() {
      const bound = chatModel().bindTools([getTime], { tool_choice: 'get_time' });
      assert.deepEqual(callsOf(await bound.invoke(ASK)), [['get_time', {}]]);
      assert.deepEqual(callsOf(await merged(await bound.stream(ASK))), [['get_time', {}]]);
    },

    async parallel_tool_calls_false() {
      const bound = chatModel({ maxTokens: 120 }).bindTools([getWeather, getTime], {
        tool_choice: 'required', parallel_tool_calls: false,
      });
      assert.equal((await bound.invoke(ASK)).tool_calls.length, 1);
    },

    async tool_history() {
      const tool_calls = [['a', 'Quito'], ['b', 'Cusco']]
        .map(([id, city]) => ({ id, name: 'get_weather', args: { city }, type: 'tool_call' }));
      const results = tool_calls.map(({ id }) => new ToolMessage({ content: suite.SUNNY, tool_call_id: id }));
      const turn = new AIMessage({ content: '', tool_calls });
      assert.ok((await chatModel().invoke([new HumanMessage(ASK), turn, ...results])).content);
    },
  },

  'auto tools': {
    async auto_agent() {
      const agent = createAgent({ model: parrot(), tools: [getWeather, getTime] });
      for (const cities of [['Quito'], ['Quito', 'Cusco']]) {
        const request = { messages: [new HumanMessage(suite.calls(cities, 'Let me look. '))] };
        const { messages } = await agent.invoke(request);
        assert.deepEqual(messages[1].tool_calls.map((c) => c.args.city), cities);
        assert.equal(messages.length, 3 + cities.length);
        assert.ok(messages.at(-1).content.includes(`${suite.SUNNY} in ${cities.at(-1)}`));
      }
    },

    async auto_streaming() {
      const bound = parrot().bindTools([getWeather]);
      const text = suite.calls(['Quito', 'Cusco'], 'Let me look. ');
      const whole = await bound.invoke(text);
      const streamed = await merged(await bound.stream(text));
      assert.equal(whole.tool_calls.length, 2);
      assert.deepEqual(callsOf(streamed), callsOf(whole));
      assert.equal(streamed.content, whole.content);
    },
  },

  'JSON schema': {
    async structured_output() {
      const model = chatModel({ maxTokens: 200 });
      for (const method of ['jsonSchema', undefined]) {
        Weather.parse(await model.withStructuredOutput(Weather, { method, name: 'weather' }).invoke(ASK));
      }
      const structured = model.withStructuredOutput(Weather, { method: 'jsonSchema' });
      Weather.parse((await collect(await structured.stream(ASK))).at(-1));
    },

    async structured_output_by_call() {
      const structured = chatModel({ maxTokens: 200 }).withStructuredOutput(Weather, { method: 'functionCalling' });
      Weather.parse(await structured.invoke(ASK));
    },

    async json_object() {
      const model = chatModel().withConfig({ response_format: { type: 'json_object' } });
      assert.match((await model.invoke(ASK)).content, /^\s*\{/);
    },
  },

  abort: {
    async abort_stream() {
      await assertAborted(async () => {
        const model = chatModel({ maxTokens: 1500, modelKwargs: { ignore_eos: true } });
        let seen = 0;
        for await (const _ of await model.stream(LONG)) {
          if (++seen === 3) {
            assert.ok(await isRunning());
            break;
          }
        }
      });
    },

    async abort_by_signal() {
      const model = chatModel({ maxTokens: 1500, modelKwargs: { ignore_eos: true } });
      await assertAborted(() =>
        raises(Error, () => model.invoke(LONG, { signal: AbortSignal.timeout(700) })));
    },
  },

  errors: {
    async unknown_model() {
      assert.equal((await refused(404, { model: 'no-such-model' })).code, 'model_not_found');
    },

    async bad_value() {
      assert.equal((await refused(400, { temperature: 9 })).param, 'temperature');
      const typo = await refused(400, { modelKwargs: { temprature: 1 } });
      assert.deepEqual([typo.param, typo.code], ['temprature', 'unknown_parameter']);
    },

    async context_too_long() {
      const e = await raises(Error, () => chatModel({ maxTokens: 10_000_000 }).invoke(ASK));
      assert.match(e.message, /maximum context length/);
    },

    async wrong_key() {
      suite.needsKeys();
      assert.equal((await refused(401, { apiKey: 'wrong' })).code, 'invalid_api_key');
    },
  },
};

const version = `${suite.version('langchain')}, @langchain/openai ${suite.version('@langchain/openai')}`;
await suite.run({ client: 'LangChain (Node)', version, setup, cases });
