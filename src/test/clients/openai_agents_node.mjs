// OpenAI's agents framework for Node, by chat completions, against a running server; see run.sh.
import assert from 'node:assert/strict';
import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';
import * as suite from './suite.mjs';
import { ASK, BASE_URL, KEY, LONG, MODEL, assertAborted, collect, isRunning, raises } from './suite.mjs';

setTracingDisabled(true);
const setup = `setTracingDisabled(true);
const openAIClient = new OpenAI({ baseURL: "http://127.0.0.1:8000/v1", apiKey: "any" });
new Runner({ modelProvider: new OpenAIProvider({ openAIClient, useResponses: false }) })`;

function runner({ baseURL = BASE_URL, apiKey = KEY, useResponses = false } = {}) {
  const openAIClient = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  const modelProvider = new OpenAIProvider({ openAIClient, useResponses });
  return new Runner({ modelProvider, tracingDisabled: true });
}

const called = [];
const getWeather = tool({
  name: 'get_weather', description: 'Weather of a city',
  parameters: z.object({ city: z.enum(['Quito', 'Cusco']) }),
  execute({ city }) {
    called.push(city);
    return `${suite.SUNNY} in ${city}`;
  },
});
const getTime = tool({
  name: 'get_time', description: 'The time', parameters: z.object({}),
  execute() {
    called.push('time');
    return 'noon';
  },
});
const Weather = z.object({ city: z.enum(['Quito', 'Cusco']), days: z.number().int().min(1).max(3) });

function agent({ settings = {}, ...more } = {}) {
  called.length = 0;
  return new Agent({
    name: 'helper', model: MODEL, modelSettings: { temperature: 0, maxTokens: 60, ...settings }, ...more,
  });
}
const parrot = () =>
  agent({ model: suite.PARROT, tools: [getWeather, getTime], settings: { maxTokens: 300 } });
const one = { toolChoice: 'required', parallelToolCalls: false };
const run = (helper, prompt = ASK) => runner().run(helper, prompt);

async function stream(helper, prompt = ASK, from = runner()) {
  const result = await from.run(helper, prompt, { stream: true });
  const events = (await collect(result)).filter((e) => e.type === 'raw_model_stream_event').map((e) => e.data);
  await result.completed;
  return { result, events };
}
const textOf = (events) => events.filter((e) => e.type === 'output_text_delta').map((e) => e.delta).join('');

const cases = {
  plain: {
    async plain() {
      const result = await run(agent({ instructions: 'You are terse.' }));
      assert.ok(result.finalOutput);
      const { usage } = result.rawResponses[0];
      assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens);
    },

    async conversation() {
      for (const first of [await run(agent()), (await stream(agent())).result]) {
        const more = [...first.history, { role: 'user', content: 'And then?' }];
        assert.ok((await run(agent(), more)).finalOutput);
      }
    },
  },

  streaming: {
    async streaming() {
      const { result, events } = await stream(agent());
      assert.equal(textOf(events), result.finalOutput);
      assert.equal(result.finalOutput, (await run(agent())).finalOutput);
      assert.ok(result.rawResponses[0].usage.outputTokens > 0);
    },
  },

  parameters: {
    async parameters() {
      const five = await run(agent({ settings: { maxTokens: 5 } }));
      assert.equal(five.rawResponses[0].usage.outputTokens, 5);
      const settings = { temperature: 1, store: false, providerData: { seed: 7, service_tier: 'auto' } };
      const seeded = () => run(agent({ settings }));
      assert.equal((await seeded()).finalOutput, (await seeded()).finalOutput);
    },
  },

  tools: {
    async tool_round_trip() {
      for (const toolChoice of ['required', 'get_weather']) {
        const result = await run(agent({ tools: [getWeather], settings: { ...one, toolChoice } }));
        assert.equal(called.length, 1);
        assert.ok(['Quito', 'Cusco'].includes(called[0]));
        assert.equal(result.rawResponses.length, 2);
        assert.ok(result.finalOutput);
      }
    },

    async tool_streaming() {
      const { result } = await stream(agent({ tools: [getWeather], settings: one }));
      const streamed = [...called];
      assert.deepEqual([streamed.length, result.rawResponses.length], [1, 2]);
      await run(agent({ tools: [getWeather], settings: one }));
      assert.deepEqual(called, streamed);
    },

    async tool_without_arguments() {
      await run(agent({ tools: [getTime], settings: one }));
      assert.deepEqual(called, ['time']);
    },

    async hand_off() {
      const colleague = new Agent({ name: 'colleague', model: MODEL, modelSettings: { maxTokens: 20 } });
      const result = await run(agent({ handoffs: [colleague], settings: one }));
      assert.equal(result.lastAgent.name, 'colleague');
      assert.ok(result.finalOutput);
    },
  },

  'auto tools': {
    async auto_agent() {
      const scripted = runner({ baseURL: suite.scriptedUrl(), apiKey: 'any' });
      for (const cities of [['Quito'], ['Quito', 'Cusco']]) {
        const prompt = suite.calls(cities, 'Let me look. ');
        const result = await scripted.run(parrot(), prompt);
        assert.deepEqual([...called].sort(), [...cities].sort());
        assert.ok(result.finalOutput.includes(`${suite.SUNNY} in ${cities.at(-1)}`), result.finalOutput);
        const streamed = await stream(parrot(), prompt, scripted);
        assert.deepEqual([...called].sort(), [...cities].sort());
        assert.equal(streamed.result.finalOutput, result.finalOutput);
      }
    },
  },

  'JSON schema': {
    async structured_output() {
      const helper = () => agent({ outputType: Weather, settings: { maxTokens: 200 } });
      const whole = (await run(helper())).finalOutput;
      Weather.parse(whole);
      assert.deepEqual((await stream(helper())).result.finalOutput, whole);
    },
  },

  abort: {
    async abort_stream() {
      await assertAborted(async () => {
        const controller = new AbortController();
        const settings = { maxTokens: 1500, providerData: { ignore_eos: true } };
        const result = await runner().run(agent({ settings }), LONG, { stream: true, signal: controller.signal });
        let seen = 0;
        for await (const event of result) {
          if (event.data?.type === 'output_text_delta' && ++seen === 2) {
            assert.ok(await isRunning());
            controller.abort();
          }
        }
      });
    },
  },

  errors: {
    async unknown_model() {
      const e = await raises(OpenAI.NotFoundError, () => run(agent({ model: 'no-such-model' })));
      assert.equal(e.code, 'model_not_found');
    },

    async bad_value() {
      const e = await raises(OpenAI.BadRequestError, () => run(agent({ settings: { temperature: 9 } })));
      assert.equal(e.param, 'temperature');
    },

    async default_api() {
      // Without the switch to chat completions; the message has to say what to do.
      const e = await raises(OpenAI.NotFoundError, () => runner({ useResponses: true }).run(agent(), ASK));
      assert.match(e.message, /chat.completions/);
    },

    async wrong_key() {
      suite.needsKeys();
      const e = await raises(OpenAI.AuthenticationError, () => runner({ apiKey: 'wrong' }).run(agent(), ASK));
      assert.equal(e.code, 'invalid_api_key');
    },
  },
};

await suite.run({ client: '@openai/agents', version: suite.version('@openai/agents'), setup, cases });
