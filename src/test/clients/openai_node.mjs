// The official Node SDK against a running server. See run.sh; prints PASS, FAIL or SKIP per case.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The package lies in the folder that run.sh installed it to, not beside this file.
const PACKAGES = process.env.NODE_MODULES ?? process.cwd();
const require = createRequire(PACKAGES + '/');
const OpenAI = require('openai');

const BASE_URL = process.env.OPENAI_BASE_URL.replace(/\/$/, '');
const KEY = process.env.OPENAI_API_KEY || 'none';
const METRICS = process.env.METRICS_URL || BASE_URL.replace(/\/v1$/, '') + '/metrics';
const client = new OpenAI({ baseURL: BASE_URL, apiKey: KEY, maxRetries: 0, timeout: 300_000 });
const MODEL = process.env.MODEL || (await client.models.list()).data[0].id;
const ASK = [{ role: 'user', content: 'Name three colours, then count from one to ten in words.' }];
const LONG = [{ role: 'user', content: 'Write a very long story about a river.' }];

class Skip extends Error {}

const chat = (more = {}) =>
  client.chat.completions.create({
    model: MODEL, messages: ASK, temperature: 0, max_completion_tokens: 32, ...more,
  });

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const text = (chunks, index = 0) =>
  chunks.flatMap((c) => c.choices).filter((c) => c.index === index)
    .map((c) => c.delta.content ?? '').join('');

async function raises(kind, call) {
  try {
    await call();
  } catch (e) {
    assert.ok(e instanceof kind, `${e?.constructor?.name}: ${e?.message}`);
    return e;
  }
  assert.fail(`no ${kind.name}`);
}

async function metric(name) {
  const answer = await fetch(METRICS, { headers: { Authorization: `Bearer ${KEY}` } });
  const values = (await answer.text()).split('\n')
    .filter((line) => line.startsWith(name + '{') || line.startsWith(name + ' '))
    .map((line) => Number(line.slice(line.lastIndexOf(' '))));
  assert.ok(values.length > 0, `${METRICS} has no ${name}`);
  return values.reduce((a, b) => a + b, 0);
}

async function waitUntilIdle(seconds = 10) {
  const end = Date.now() + seconds * 1000;
  while ((await metric('vllm:num_requests_running')) || (await metric('vllm:num_requests_waiting'))) {
    assert.ok(Date.now() < end, 'requests still running');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const cases = {
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

  async length() {
    for (const n of [1, 5]) {
      const answer = await chat({ max_completion_tokens: n });
      assert.equal(answer.choices[0].finish_reason, 'length');
      assert.equal(answer.usage.completion_tokens, n);
    }
  },

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

  async unicode_text() {
    const messages = [{ role: 'user', content: 'Repeat: 你好, grüße, 🙂🙃' }];
    const whole = (await chat({ messages })).choices[0].message.content;
    assert.equal(text(await collect(await chat({ messages, stream: true }))), whole);
  },

  async completions() {
    const request = { model: MODEL, prompt: 'The capital of France is', max_tokens: 8, temperature: 0 };
    const whole = await client.completions.create(request);
    assert.equal(whole.usage.completion_tokens, 8);
    const chunks = await collect(await client.completions.create({ ...request, stream: true }));
    assert.equal(chunks.flatMap((c) => c.choices).map((c) => c.text).join(''), whole.choices[0].text);
  },

  async abort_stream() {
    await waitUntilIdle();
    const stream = await chat({
      messages: LONG, max_completion_tokens: 1500, ignore_eos: true, stream: true,
    });
    let seen = 0;
    for await (const _ of stream) {
      if (++seen === 3) {
        assert.equal(await metric('vllm:num_requests_running'), 1);
        break; // the SDK then cancels the request
      }
    }
    await waitUntilIdle();
    assert.equal(await metric('vllm:kv_cache_usage_perc'), 0);
  },

  async abort_plain() {
    await waitUntilIdle();
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 700);
    await raises(OpenAI.APIUserAbortError, () =>
      client.chat.completions.create(
        { model: MODEL, messages: LONG, max_completion_tokens: 1500, ignore_eos: true },
        { signal: controller.signal },
      ));
    await waitUntilIdle();
    assert.equal(await metric('vllm:kv_cache_usage_perc'), 0);
  },

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
    if (!process.env.OPENAI_API_KEY) throw new Skip('the server has no keys; set OPENAI_API_KEY to one');
    const stranger = client.withOptions({ apiKey: 'wrong' });
    const e = await raises(OpenAI.AuthenticationError, () => stranger.models.list());
    assert.equal(e.code, 'invalid_api_key');
  },
};

let failed = 0;
const { version } = JSON.parse(readFileSync(PACKAGES + '/node_modules/openai/package.json'));
console.log(`openai ${version} (Node ${process.versions.node}), ${BASE_URL}, ${MODEL}`);
for (const [name, test] of Object.entries(cases)) {
  const begin = Date.now();
  let verdict = 'PASS';
  let detail = '';
  try {
    await test();
  } catch (e) {
    verdict = e instanceof Skip ? 'SKIP' : 'FAIL';
    failed += verdict === 'FAIL' ? 1 : 0;
    detail = `: ${e.message.split('\n').slice(0, 6).join(' ')}`;
  }
  console.log(`${verdict} ${name} (${((Date.now() - begin) / 1000).toFixed(1)} s)${detail}`);
}
console.log(`${Object.keys(cases).length} cases, ${failed} failed`);
process.exit(failed ? 1 : 0);
