// What the Node suites share: cases, checks, the server's figures, and the verdicts.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

export const BASE_URL = process.env.OPENAI_BASE_URL.replace(/\/$/, '');
export const KEY = process.env.OPENAI_API_KEY || 'none';
const METRICS = process.env.METRICS_URL || BASE_URL.replace(/\/v1$/, '') + '/metrics';
// A server whose model repeats the last message: calls of a model that is free to make none.
const SCRIPTED_URL = process.env.SCRIPTED_URL;
export const PARROT = 'parrot';
export const ASK = 'Name three colours, then count from one to ten in words.';
export const LONG = 'Write a very long story about a river.';
export const SUNNY = '18 degrees and sunny';
const authorized = { headers: { Authorization: `Bearer ${KEY}` } };

/** The case cannot run here. */
class Skip extends Error {}

export function version(name) {
  return JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
}

async function firstModel() {
  return (await (await fetch(BASE_URL + '/models', authorized)).json()).data[0].id;
}

export const MODEL = process.env.MODEL || (await firstModel());

/** What a model says that calls get_weather once for each city. */
export function calls(cities, before = '') {
  return before + cities.map((city) =>
    `<tool_call>\n{"name": "get_weather", "arguments": {"city": "${city}"}}\n</tool_call>`).join('\n');
}

export function scriptedUrl() {
  if (!SCRIPTED_URL) throw new Skip('needs the server with the scripted model, SCRIPTED_URL');
  return SCRIPTED_URL;
}

export function needsKeys() {
  if (!process.env.OPENAI_API_KEY) throw new Skip('the server has no keys; set OPENAI_API_KEY to one');
}

export async function collect(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** The error of this class that the call ends with. */
export async function raises(kind, call) {
  try {
    await call();
  } catch (e) {
    assert.ok(e instanceof kind, `${e?.constructor?.name}: ${e?.message}`);
    return e;
  }
  assert.fail(`no ${kind.name}`);
}

export async function metric(name) {
  const answer = await fetch(METRICS, authorized);
  const values = (await answer.text()).split('\n')
    .filter((line) => line.startsWith(name + '{') || line.startsWith(name + ' '))
    .map((line) => Number(line.slice(line.lastIndexOf(' '))));
  assert.ok(values.length > 0, `${METRICS} has no ${name}`);
  return values.reduce((a, b) => a + b, 0);
}

export async function isRunning() {
  return (await metric('vllm:num_requests_running')) + (await metric('vllm:num_requests_waiting')) > 0;
}

async function waitUntilIdle(seconds = 10) {
  const end = Date.now() + seconds * 1000;
  while (await isRunning()) {
    assert.ok(Date.now() < end, 'requests still running');
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Asserts that what `begin` begins, and leaves early, leaves nothing running at the server. */
export async function assertAborted(begin) {
  await waitUntilIdle();
  const aborted = await metric('chasqui_requests_aborted_total');
  await begin();
  await waitUntilIdle();
  assert.equal(await metric('vllm:kv_cache_usage_perc'), 0);
  assert.equal(await metric('chasqui_requests_aborted_total'), aborted + 1);
}

async function verdictOf(test) {
  try {
    await test();
    return { verdict: 'PASS', detail: '' };
  } catch (e) {
    const verdict = e instanceof Skip ? 'SKIP' : 'FAIL';
    const where = verdict === 'FAIL' && e.stack?.match(RegExp(`${basename(process.argv[1])}:\\d+`))?.[0];
    const message = String(e.message).split('\n').slice(0, 6).join(' ');
    return { verdict, detail: where ? `${where}: ${message}` : message };
  }
}

/**
 * Runs the cases and exits.
 *
 * @param setup what a user writes to point the client at a server
 * @param cases per column of the table, the cases by name
 */
export async function run({ client, version, setup, cases }) {
  const runtime = `Node ${process.versions.node}`;
  console.log(`${client} ${version} (${runtime}), ${BASE_URL}, ${MODEL}`);
  const results = [];
  for (const [pattern, tests] of Object.entries(cases)) {
    for (const [name, test] of Object.entries(tests)) {
      const begin = Date.now();
      const { verdict, detail } = await verdictOf(test);
      const seconds = ((Date.now() - begin) / 1000).toFixed(1);
      console.log(`${verdict} ${name} (${seconds} s)${detail && ': '}${detail}`);
      results.push({ pattern, name, verdict, detail });
    }
  }
  const failed = results.filter((r) => r.verdict === 'FAIL').length;
  console.log(`${results.length} cases, ${failed} failed`);
  if (process.env.RESULTS) {
    const file = `${process.env.RESULTS}/${client.replaceAll('/', '-')}.json`;
    writeFileSync(file, JSON.stringify({ client, version, runtime, setup, cases: results }));
  }
  process.exit(failed ? 1 : 0);
}
