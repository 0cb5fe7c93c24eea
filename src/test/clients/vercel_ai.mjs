// Vercel's AI SDK against a running server; see run.sh. The argument names the provider package.
import assert from 'node:assert/strict';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import * as suite from './suite.mjs';
import { ASK, BASE_URL, KEY, LONG, MODEL, assertAborted, isRunning, raises } from './suite.mjs';

const PACKAGE = process.argv[2] ?? '@ai-sdk/openai-compatible';
const COMPATIBLE = PACKAGE === '@ai-sdk/openai-compatible';

/** A model; `extra` are members of the body that the SDK does not know. */
function chatModel({ id = MODEL, baseURL = BASE_URL, apiKey = KEY, extra = {} } = {}) {
  const request = (url, init) =>
    fetch(url, { ...init, body: JSON.stringify({ ...JSON.parse(init.body), ...extra }) });
  const options = { baseURL, apiKey, fetch: request };
  return COMPATIBLE
    ? createOpenAICompatible({
      name: 'chasqui', includeUsage: true, supportsStructuredOutputs: true, ...options,
    })(id)
    : createOpenAI(options).chat(id);
}

const setup = COMPATIBLE
  ? `createOpenAICompatible({ name: "chasqui", baseURL: "http://127.0.0.1:8000/v1",
  supportsStructuredOutputs: true, includeUsage: true })("…")`
  : 'createOpenAI({ baseURL: "http://127.0.0.1:8000/v1", apiKey: "any" }).chat("…")';

const parrot = () => chatModel({ id: suite.PARROT, baseURL: suite.scriptedUrl(), apiKey: 'any' });
const options = (more) =>
  ({ model: chatModel(), prompt: ASK, temperature: 0, maxOutputTokens: 32, maxRetries: 0, ...more });
const generate = (more = {}) => generateText(options(more));
const stream = (more = {}) => streamText(options({ onError() {}, ...more }));

const Weather = z.object({ city: z.enum(['Quito', 'Cusco']), days: z.number().int().min(1).max(3) });
const called = [];
const tools = {
  get_weather: tool({
    description: 'Weather of a city',
    inputSchema: z.object({ city: z.enum(['Quito', 'Cusco']) }),
    execute({ city }) {
      called.push(city);
      return `${suite.SUNNY} in ${city}`;
    },
  }),
  get_time: tool({
    inputSchema: z.object({}),
    execute() {
      called.push('time');
      return 'noon';
    },
  }),
};

/** Forces a call in the first step and none in the second. */
const forced = (toolChoice, more = {}) => {
  called.length = 0;
  return {
    tools, stopWhen: stepCountIs(2), maxOutputTokens: 120, ...more,
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? toolChoice : 'none' }),
  };
};
const NAMED = { type: 'tool', toolName: 'get_weather' };
const callsOf = (step) => step.toolCalls.map((c) => [c.toolName, c.input]);

const cases = {
  plain: {
    async plain() {
      const { text, finishReason, usage } = await generate({ instructions: 'You are terse.' });
      assert.ok(text);
      assert.ok(['stop', 'length'].includes(finishReason));
      assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens);
    },

    async conversation() {
      const { response } = await generate();
      const question = (content) => ({ role: 'user', content });
      const messages = [question(ASK), ...response.messages, question('And then?')];
      assert.ok((await generate({ prompt: undefined, messages })).text);
    },
  },

  streaming: {
    async streaming() {
      const whole = await generate();
      const streamed = stream();
      let text = '';
      for await (const delta of streamed.textStream) text += delta;
      assert.equal(text, whole.text);
      assert.equal(await streamed.finishReason, whole.finishReason);
      assert.equal((await streamed.usage).outputTokens, whole.usage.outputTokens);
    },
  },

  parameters: {
    async parameters() {
      const five = await generate({ maxOutputTokens: 5 });
      assert.deepEqual([five.finishReason, five.usage.outputTokens], ['length', 5]);
      const { text } = await generate();
      const middle = text.slice(10, 13);
      const stopped = await generate({ stopSequences: [middle] });
      assert.deepEqual([stopped.text, stopped.finishReason], [text.slice(0, text.indexOf(middle)), 'stop']);
      const seeded = { temperature: 1, seed: 7, topP: 0.9, presencePenalty: 0.5, frequencyPenalty: 0.5 };
      assert.equal((await generate(seeded)).text, (await generate(seeded)).text);
    },
  },

  tools: {
    async tool_round_trip() {
      for (const choice of ['required', NAMED]) {
        const { steps, text } = await generate(forced(choice));
        assert.equal(steps.length, 2);
        assert.ok(steps[0].toolCalls.length > 0);
        assert.equal(called.length, steps[0].toolCalls.length);
        assert.ok(text);
        if (choice === NAMED) {
          assert.deepEqual(callsOf(steps[0]), [['get_weather', { city: called[0] }]]);
        }
      }
    },

    async tool_streaming() {
      const whole = callsOf((await generate(forced(NAMED))).steps[0]);
      const streamed = stream(forced(NAMED));
      let fragments = 0;
      for await (const part of streamed.fullStream) {
        assert.notEqual(part.type, 'error', String(part.error));
        fragments += part.type === 'tool-input-delta' ? 1 : 0;
      }
      const steps = await streamed.steps;
      assert.deepEqual(callsOf(steps[0]), whole);
      assert.ok(fragments > 1, 'arguments came whole');
      assert.ok(await streamed.text);
    },

    async tool_choice_none() {
      const { text, toolCalls } = await generate({ tools, toolChoice: 'none' });
      assert.ok(text);
      assert.deepEqual(toolCalls, []);
    },

    async tool_without_arguments() {
      const choice = { type: 'tool', toolName: 'get_time' };
      assert.deepEqual(callsOf((await generate(forced(choice))).steps[0]), [['get_time', {}]]);
      const streamed = stream(forced(choice));
      assert.deepEqual(callsOf((await streamed.steps)[0]), [['get_time', {}]]);
    },
  },

  'auto tools': {
    async auto_steps() {
      for (const cities of [['Quito'], ['Quito', 'Cusco']]) {
        called.length = 0;
        const prompt = suite.calls(cities, 'Let me look. ');
        const request = { model: parrot(), prompt, tools, stopWhen: stepCountIs(3), maxOutputTokens: 300 };
        const { steps, text } = await generate(request);
        assert.equal(steps.length, 2);
        assert.equal(steps[0].finishReason, 'tool-calls');
        assert.equal(steps[0].text.trim(), 'Let me look.');
        assert.deepEqual(called, cities);
        assert.ok(text.includes(`${suite.SUNNY} in ${cities.at(-1)}`), text);
        const streamed = stream(request);
        assert.equal(await streamed.text, text);
        assert.deepEqual(callsOf((await streamed.steps)[0]), callsOf(steps[0]));
      }
    },
  },

  'JSON schema': {
    async structured_output() {
      const request = { output: Output.object({ schema: Weather }), maxOutputTokens: 200 };
      const whole = (await generate(request)).output;
      Weather.parse(whole);
      assert.deepEqual(await stream(request).output, whole);
    },

    async json_object() {
      const response_format = { type: 'json_object' };
      const { text } = await generate({ model: chatModel({ extra: { response_format } }) });
      assert.match(text, /^\s*\{/);
    },
  },

  abort: {
    async abort_stream() {
      await assertAborted(async () => {
        const controller = new AbortController();
        const streamed = stream({
          model: chatModel({ extra: { ignore_eos: true } }), prompt: LONG, maxOutputTokens: 1500,
          abortSignal: controller.signal,
        });
        let seen = 0;
        for await (const _ of streamed.textStream) {
          if (++seen === 2) {
            assert.ok(await isRunning());
            controller.abort();
          }
        }
      });
    },
  },

  errors: {
    async unknown_model() {
      const e = await raises(APICallError, () => generate({ model: chatModel({ id: 'no-such-model' }) }));
      assert.deepEqual([e.statusCode, e.isRetryable], [404, false]);
      assert.match(e.message, /model/);
    },

    async bad_value() {
      const hot = await raises(APICallError, () => generate({ temperature: 9 }));
      assert.deepEqual([hot.statusCode, hot.data.error.param], [400, 'temperature']);
      const extra = { temprature: 1 };
      const typo = await raises(APICallError, () => generate({ model: chatModel({ extra }) }));
      assert.equal(typo.data.error.param, 'temprature');
    },

    async error_of_a_stream() {
      const types = [];
      const model = chatModel({ id: 'no-such-model' });
      for await (const part of stream({ model }).fullStream) types.push(part.type);
      assert.ok(types.includes('error'), String(types));
    },

    async context_too_long() {
      const e = await raises(APICallError, () => generate({ maxOutputTokens: 10_000_000 }));
      assert.equal(e.data.error.code, 'context_length_exceeded');
    },

    async wrong_key() {
      suite.needsKeys();
      const e = await raises(APICallError, () => generate({ model: chatModel({ apiKey: 'wrong' }) }));
      assert.deepEqual([e.statusCode, e.isRetryable], [401, false]);
    },
  },
};

if (!COMPATIBLE) {
  cases.errors.default_api = async () => {
    // Without `.chat`; the message has to say what to do.
    const model = createOpenAI({ baseURL: BASE_URL, apiKey: KEY })(MODEL);
    const e = await raises(APICallError, () => generate({ model }));
    assert.equal(e.statusCode, 404);
    assert.match(e.message, /chat.completions/);
  };
}

const version = `${suite.version('ai')} + ${suite.version(PACKAGE)}`;
await suite.run({ client: `ai + ${PACKAGE}`, version, setup, cases });
