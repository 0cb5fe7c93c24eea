// The official Node SDK against a running server; see run.sh.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { LengthFinishReasonError } from 'openai/error';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import * as suite from './suite.mjs';
import { BASE_URL, KEY, MODEL, assertAborted, collect, metric, raises } from './suite.mjs';

const setup = 'new OpenAI({ baseURL: "http://127.0.0.1:8000/v1", apiKey: "any" })';
const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 300_000 });
const ASK = [{ role: 'user', content: suite.ASK }];
const LONG = [{ role: 'user', content: suite.LONG }];

const chat = (more = {}) =>
  client.chat.completions.create({
    model: MODEL, messages: ASK, temperature: 0, max_completion_tokens: 32, ...more,
  });

const text = (chunks, index = 0) =>
  chunks.flatMap((c) => c.choices).filter((c) => c.index === index)
    .map((c) => c.delta.content ?? '').join('');

const Weather = z.object({ city: z.enum(['Quito', 'Cusco']), days: z.literal([1, 2, 3]) });
const Wish = z.object({
  kind: z.enum(['train', 'bus']),
  route: z.object({ start: z.enum(['Quito', 'Cusco']), stops: z.array(z.enum(['Puno', 'Lima'])) }),
});
const fn = (name, parameters, more = {}) => ({ type: 'function', function: { name, parameters, ...more } });
const WEATHER = fn('get_weather', {
  type: 'object', properties: { city: { enum: ['Quito', 'Cusco'] } }, required: ['city'],
});
const TIME = fn('get_time', { type: 'object', properties: {} });
const NAMED = { type: 'function', function: { name: 'get_weather' } };

const toolChat = (tool_choice, more = {}) =>
  chat({ tools: [WEATHER, TIME], tool_choice, max_completion_tokens: 120, ...more });
const args = (call) => JSON.parse(call.function.arguments);
const data = (calls) => calls.map((c) => [c.type, c.function.name, c.function.arguments]);

/** The choice that the SDK's helper makes of a stream. */
async function streamedChoice(request) {
  return (await client.chat.completions.stream({ model: MODEL, messages: ASK, temperature: 0, ...request })
    .finalChatCompletion()).choices[0];
}

/** Tools that note their calls and answer. */
function runnable(called) {
  return [{
    type: 'function',
    function: {
      ...WEATHER.function,
      description: 'Weather of a city',
      parse: JSON.parse,
      function({ city }) {
        called.push(city);
        return `${suite.SUNNY} in ${city}`;
      },
    },
  }];
}

const cases = {
  plain: {
    async models() {
      assert.ok((await client.models.list()).data.some((m) => m.id === MODEL));
      assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
      await raises(OpenAI.NotFoundError, () => client.models.retrieve('no/such-model'));
    },

    async plain() {
      const answer = await chat({ max_tokens: 48, max_completion_tokens: undefined });
      const [choice] = answer.choices;
      assert.ok(choice.message.content);
      assert.equal(choice.message.role, 'assistant');
      assert.ok(['stop', 'length'].includes(choice.finish_reason));
      const { usage } = answer;
      assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
      assert.ok(answer._request_id);
    },

    async conversation() {
      const [{ message }] = (await chat()).choices;
      const more = { messages: [...ASK, message, { role: 'user', content: 'And then?' }] };
      assert.ok((await chat({ ...more, max_completion_tokens: 8 })).choices[0].message.content);
    },

    async completions() {
      const request = { model: MODEL, prompt: 'The capital of France is', max_tokens: 8, temperature: 0 };
      const whole = await client.completions.create(request);
      assert.equal(whole.usage.completion_tokens, 8);
      const chunks = await collect(await client.completions.create({ ...request, stream: true }));
      assert.equal(chunks.flatMap((c) => c.choices).map((c) => c.text).join(''), whole.choices[0].text);
    },
  },

  streaming: {
    async streaming() {
      const whole = await chat();
      const chunks = await collect(await chat({ stream: true, stream_options: { include_usage: true } }));
      assert.equal(text(chunks), whole.choices[0].message.content);
      const usages = chunks.filter((c) => c.usage);
      assert.equal(usages.length, 1);
      assert.equal(usages[0].usage.completion_tokens, whole.usage.completion_tokens);
      assert.equal(chunks.filter((c) => c.choices[0]?.finish_reason).length, 1);
      assert.equal(new Set(chunks.map((c) => c.id)).size, 1);
    },

    async stream_helper() {
      const final = await client.chat.completions
        .stream({ model: MODEL, messages: ASK, temperature: 0, max_completion_tokens: 32 })
        .finalChatCompletion();
      assert.equal(final.choices[0].message.content, (await chat()).choices[0].message.content);
    },

    async accumulator() {
      const request = {
        n: 3, temperature: 1, seed: 5, logprobs: true, top_logprobs: 2, max_completion_tokens: 12,
      };
      const whole = await chat(request);
      const final = await client.chat.completions
        .stream({ model: MODEL, messages: ASK, stream_options: { include_usage: true }, ...request })
        .finalChatCompletion();
      assert.deepEqual(final.choices.map((c) => c.index), [0, 1, 2]);
      final.choices.forEach((choice, i) => {
        assert.equal(choice.message.content, whole.choices[i].message.content);
        assert.equal(choice.finish_reason, whole.choices[i].finish_reason);
        assert.deepEqual(choice.logprobs.content, whole.choices[i].logprobs.content);
      });
      assert.equal(final.usage.completion_tokens, whole.usage.completion_tokens);
    },

    async unicode_text() {
      const messages = [{ role: 'user', content: 'Repeat: 你好, grüße, 🙂🙃' }];
      const whole = (await chat({ messages })).choices[0].message.content;
      assert.equal(text(await collect(await chat({ messages, stream: true }))), whole);
    },
  },

  parameters: {
    async length() {
      for (const n of [1, 5]) {
        const answer = await chat({ max_completion_tokens: n });
        assert.equal(answer.choices[0].finish_reason, 'length');
        assert.equal(answer.usage.completion_tokens, n);
      }
    },

    async stop() {
      const whole = (await chat()).choices[0].message.content;
      const half = Math.floor(whole.length / 2);
      const middle = whole.slice(half, half + 3);
      const expected = whole.slice(0, whole.indexOf(middle));
      for (const stop of [middle, ['\u0001never', middle]]) {
        const [choice] = (await chat({ stop })).choices;
        assert.equal(choice.message.content, expected);
        assert.equal(choice.finish_reason, 'stop');
      }
      assert.equal(text(await collect(await chat({ stop: middle, stream: true }))), expected);
    },

    async seed() {
      const once = async (seed) => (await chat({ temperature: 1, seed })).choices[0].message.content;
      assert.equal(await once(7), await once(7));
      const texts = new Set();
      for (const seed of [0, 1, 2, 3]) texts.add(await once(seed));
      assert.ok(texts.size > 1, 'four seeds, one answer');
    },

    async two_choices() {
      const request = { n: 2, temperature: 1, seed: 3 };
      const answer = await chat(request);
      assert.deepEqual(answer.choices.map((c) => c.index), [0, 1]);
      const texts = answer.choices.map((c) => c.message.content);
      assert.notEqual(texts[0], texts[1]);
      const chunks = await collect(await chat({ ...request, stream: true }));
      assert.deepEqual([text(chunks, 0), text(chunks, 1)], texts);
    },

    async logit_bias() {
      const answer = await fetch(BASE_URL.replace(/\/v1$/, '/tokenize'), {
        method: 'POST', body: JSON.stringify({ prompt: ' yes', model: MODEL }),
        headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' },
      });
      const token = (await answer.json()).tokens.at(-1);
      const biased = await chat({ logit_bias: { [token]: 100 }, max_completion_tokens: 3 });
      assert.match(biased.choices[0].message.content, /^\s*yes/);
    },

    async logprobs() {
      const [choice] = (await chat({ logprobs: true, top_logprobs: 5 })).choices;
      const { content } = choice.logprobs;
      const bytes = content.flatMap((t) => t.bytes ?? []);
      assert.equal(Buffer.from(bytes).toString(), choice.message.content);
      for (const token of content) {
        const top = token.top_logprobs.map((t) => t.logprob);
        assert.equal(top.length, 5);
        assert.deepEqual(top, top.toSorted((a, b) => b - a));
        assert.equal(token.logprob, top[0]); // greedy
      }
      const chunks = await collect(await chat({ logprobs: true, top_logprobs: 5, stream: true }));
      const streamed = chunks.flatMap((c) => c.choices[0]?.logprobs?.content ?? []);
      assert.deepEqual(streamed.map((t) => t.token), content.map((t) => t.token));
    },
  },

  tools: {
    async tool_round_trip() {
      const [{ message, finish_reason }] = (await toolChat(NAMED)).choices;
      assert.deepEqual([message.content, message.tool_calls.length, finish_reason], [null, 1, 'stop']);
      const [call] = message.tool_calls;
      assert.deepEqual([call.type, call.function.name], ['function', 'get_weather']);
      assert.ok(['Quito', 'Cusco'].includes(args(call).city));
      const result = { role: 'tool', tool_call_id: call.id, content: suite.SUNNY };
      const [final] = (await toolChat('none', { messages: [...ASK, message, result] })).choices;
      assert.ok(final.message.content && !final.message.tool_calls);
    },

    async run_tools() {
      const called = [];
      const runner = client.chat.completions.runTools({
        model: MODEL, messages: ASK, tools: runnable(called), tool_choice: NAMED, temperature: 0,
        max_completion_tokens: 60,
      }, { maxChatCompletions: 1 });
      await runner.done();
      assert.equal(called.length, 1);
      assert.equal(runner.messages.at(-1).content, `${suite.SUNNY} in ${called[0]}`);
    },

    async tool_choice_required() {
      const [choice] = (await toolChat('required')).choices;
      assert.equal(choice.finish_reason, 'tool_calls');
      assert.ok(choice.message.tool_calls.length > 0);
      for (const call of choice.message.tool_calls) {
        assert.ok(['get_weather', 'get_time'].includes(call.function.name));
        args(call);
      }
    },

    async tool_streaming() {
      for (const tool_choice of [NAMED, 'required']) {
        const [whole] = (await toolChat(tool_choice)).choices;
        const streamed = await streamedChoice({
          tools: [WEATHER, TIME], tool_choice, max_completion_tokens: 120,
        });
        assert.deepEqual(data(streamed.message.tool_calls), data(whole.message.tool_calls));
        assert.equal(streamed.message.content, whole.message.content);
        assert.equal(streamed.finish_reason, whole.finish_reason);
      }
    },

    async tool_choice_none() {
      const [{ message }] = (await toolChat('none')).choices;
      assert.ok(message.content && !message.tool_calls);
    },

    async allowed_tools() {
      const tools = [{ type: 'function', function: { name: 'get_time' } }];
      const choice = { type: 'allowed_tools', allowed_tools: { mode: 'required', tools } };
      const [{ message }] = (await toolChat(choice, { parallel_tool_calls: false })).choices;
      assert.deepEqual(message.tool_calls.map((c) => c.function.name), ['get_time']);
    },

    async parallel_tool_calls_false() {
      const [{ message }] = (await toolChat('required', { parallel_tool_calls: false })).choices;
      assert.equal(message.tool_calls.length, 1);
      assert.ok((await chat({ parallel_tool_calls: false })).choices[0].message.content);
    },

    async tool_without_arguments() {
      const tool_choice = { type: 'function', function: { name: 'get_time' } };
      const [{ message }] = (await toolChat(tool_choice)).choices;
      assert.deepEqual(args(message.tool_calls[0]), {});
      const streamed = await streamedChoice({ tools: [TIME], tool_choice });
      assert.deepEqual(args(streamed.message.tool_calls[0]), {});
    },

    async tool_history() {
      const call = (id, city) =>
        ({ id, type: 'function', function: { name: 'get_weather', arguments: JSON.stringify({ city }) } });
      const result = (tool_call_id) => ({ role: 'tool', tool_call_id, content: suite.SUNNY });
      const turn = { role: 'assistant', content: null, tool_calls: [call('a', 'Quito'), call('b', 'Cusco')] };
      const messages = [...ASK, turn, result('a'), result('b')];
      assert.ok((await chat({ messages })).choices[0].message.content);
      assert.ok((await chat({ messages, tools: [WEATHER], tool_choice: 'none' })).choices[0].message.content);
    },

    async strict_tool() {
      const completion = await client.chat.completions.parse({
        model: MODEL, messages: ASK, temperature: 0, max_completion_tokens: 400,
        tools: [zodFunction({ name: 'wish', parameters: Wish })],
        tool_choice: { type: 'function', function: { name: 'wish' } },
      });
      Wish.parse(completion.choices[0].message.tool_calls[0].function.parsed_arguments);
    },
  },

  'auto tools': {
    async auto_run_tools() {
      const parrot = new OpenAI({ baseURL: suite.scriptedUrl(), apiKey: 'any' });
      for (const stream of [false, true]) {
        for (const cities of [['Quito'], ['Quito', 'Cusco']]) {
          const called = [];
          const messages = [{ role: 'user', content: suite.calls(cities, 'Let me look. ') }];
          const runner = parrot.chat.completions.runTools({
            model: suite.PARROT, messages, stream, tools: runnable(called),
          });
          assert.match(await runner.finalContent(), new RegExp(`${suite.SUNNY} in ${cities.at(-1)}`));
          assert.deepEqual(called, cities);
        }
      }
    },

    async auto_streaming() {
      const parrot = new OpenAI({ baseURL: suite.scriptedUrl(), apiKey: 'any' });
      const messages = [{ role: 'user', content: suite.calls(['Quito', 'Cusco']) }];
      const request = { model: suite.PARROT, messages, tools: [WEATHER] };
      const [whole] = (await parrot.chat.completions.create(request)).choices;
      assert.equal(whole.finish_reason, 'tool_calls');
      const stream = parrot.chat.completions.stream(request);
      const [streamed] = (await stream.finalChatCompletion()).choices;
      assert.deepEqual(data(streamed.message.tool_calls), data(whole.message.tool_calls));
    },
  },

  'JSON schema': {
    async parse() {
      for (const [name, type] of Object.entries({ Weather, Wish })) {
        const request = {
          model: MODEL, messages: ASK, temperature: 0, max_completion_tokens: 400,
          response_format: zodResponseFormat(type, name),
        };
        const whole = (await client.chat.completions.parse(request)).choices[0].message;
        type.parse(whole.parsed);
        const streamed = await client.chat.completions.stream(request).finalChatCompletion();
        assert.deepEqual(streamed.choices[0].message.parsed, whole.parsed);
      }
    },

    async cut_by_length() {
      await raises(LengthFinishReasonError, () => client.chat.completions.parse({
        model: MODEL, messages: ASK, max_completion_tokens: 4, response_format: zodResponseFormat(Wish, 'wish'),
      }));
    },
  },

  abort: {
    async abort_stream() {
      await assertAborted(async () => {
        const stream = await chat({
          messages: LONG, max_completion_tokens: 1500, ignore_eos: true, stream: true,
        });
        let seen = 0;
        for await (const _ of stream) {
          if (++seen === 3) { // the role and two tokens
            assert.equal(await metric('vllm:num_requests_running'), 1);
            break; // the SDK then cancels the request
          }
        }
      });
    },

    async abort_plain() {
      const request = { model: MODEL, messages: LONG, max_completion_tokens: 1500, ignore_eos: true };
      await assertAborted(() => raises(OpenAI.APIUserAbortError, () =>
        client.chat.completions.create(request, { signal: AbortSignal.timeout(700) })));
    },
  },

  errors: {
    async unknown_model() {
      const e = await raises(OpenAI.NotFoundError, () => chat({ model: 'no-such-model' }));
      assert.equal(e.code, 'model_not_found');
    },

    async unknown_field() {
      const e = await raises(OpenAI.BadRequestError, () => chat({ temprature: 1 }));
      assert.deepEqual([e.param, e.code], ['temprature', 'unknown_parameter']);
    },

    async bad_value() {
      const hot = await raises(OpenAI.BadRequestError, () => chat({ temperature: 9 }));
      assert.equal(hot.param, 'temperature');
      const empty = await raises(OpenAI.BadRequestError, () => chat({ messages: [] }));
      assert.equal(empty.param, 'messages');
    },

    async context_too_long() {
      const e = await raises(OpenAI.BadRequestError, () => chat({ max_completion_tokens: 10_000_000 }));
      assert.equal(e.code, 'context_length_exceeded');
    },

    async wrong_key() {
      suite.needsKeys();
      const stranger = client.withOptions({ apiKey: 'wrong' });
      const e = await raises(OpenAI.AuthenticationError, () => stranger.models.list());
      assert.equal(e.code, 'invalid_api_key');
    },
  },
};

await suite.run({ client: 'openai (Node)', version: suite.version('openai'), setup, cases });
