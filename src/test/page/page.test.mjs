// The chat page in a real browser, against the server at PAGE_URL. Run by PageTest, or by hand:
//   PAGE_URL=http://127.0.0.1:8000/ CHROMIUM=/usr/bin/chromium node --test page.test.mjs
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const URL = process.env.PAGE_URL;
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const ENOUGH = 15_000;

let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
});
after(() => browser.close());

/**
 * A test on a freshly opened page. Whatever it does, no request may leave the origin, nothing may
 * break the policy, and no script may fail.
 */
function onPage(name, options, script) {
  test(name, async () => {
    const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
    context.setDefaultTimeout(ENOUGH);
    const wrongs = [];
    const page = await context.newPage();
    context.on('request', (request) => {
      if (!request.url().startsWith(URL)) {
        wrongs.push(`request to ${request.url()}`);
      }
    });
    page.on('pageerror', (error) => wrongs.push(`script: ${error.stack}`));
    page.on('dialog', (dialog) => wrongs.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
    page.on('console', (message) => {
      if (/Content Security Policy|Trusted ?Type|Refused to/i.test(message.text())) {
        wrongs.push(`policy: ${message.text()}`);
      }
    });
    await options.prepare?.(page);
    await page.goto(URL);
    await page.waitForFunction(() => document.querySelector('#model').options.length > 0);
    await script(page, context);
    assert.deepEqual(wrongs, []);
    await context.close();
  });
}

async function choose(page, model) {
  await page.selectOption('#model', model);
}

async function say(page, text) {
  await page.fill('#message', text);
  await page.press('#message', 'Enter');
}

const lastAnswer = (page) => page.locator('.turn.assistant').last();

async function finished(page) {
  await page.locator('.turn.assistant:last-child:not(.streaming)').waitFor();
  return lastAnswer(page);
}

/** Answers chat requests with these deltas, and keeps the requests. */
function script(page, requests, ...answers) {
  return page.route('**/v1/chat/completions', async (route) => {
    requests.push(route.request().postDataJSON());
    const deltas = answers[Math.min(requests.length, answers.length) - 1];
    const body = deltas.map(({ finish = null, ...delta }) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
    await route.fulfill({
      contentType: 'text/event-stream',
      body: `${body.join('')}data: [DONE]\n\n`,
    });
  });
}

const said = (text) => [{ role: 'assistant', content: '' }, { content: text }, { finish: 'stop' }];

onPage('opens with a greeting, the model and examples', {}, async (page) => {
  assert.equal(await page.title(), 'Chasqui');
  await page.getByText('test/scripted is ready, with a context of 512 tokens.').waitFor();
  assert.equal(await page.locator('#examples button').count(), 4);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'message');
  await page.waitForFunction(() =>
    document.querySelector('[data-figure=running]').textContent === '0');
});

onPage('sends an example with the settings that it needs, and lets go of them', {}, async (page) => {
  const requests = [];
  await script(page, requests, said('{"name":"Cusco"}'), said('well'));
  await page.getByRole('button', { name: 'Describe the city of Cusco' }).click();
  await finished(page);
  assert.equal(requests[0].response_format.json_schema.schema.type, 'object');
  await page.getByText('With 1 sampling value, JSON schema').waitFor();
  await page.getByRole('button', { name: 'Clear' }).click();
  await say(page, 'and now?');
  await page.getByText('well', { exact: true }).waitFor();
  assert.deepEqual(Object.keys(requests[1]), ['model', 'messages', 'stream', 'stream_options']);
});

onPage('renders a streamed answer as Markdown, with its figures', {}, async (page) => {
  await choose(page, 'page/markdown');
  await say(page, 'hello');
  const answer = await finished(page);
  assert.equal(await answer.locator('.text ol > li').count(), 2);
  assert.equal(await answer.locator('.text strong').textContent(), 'two');
  assert.equal(await answer.locator('.text pre code').textContent(), 'int x = 1;\n');
  assert.equal(await answer.locator('.text a').getAttribute('rel'), 'noopener noreferrer nofollow');
  const figures = await answer.locator('.figures').textContent();
  assert.match(figures, /^\d+\.\d\d s to first token · [\d.]+ tokens\/s · \d+ tokens · .* · complete$/);
  assert.match(await page.locator('#announcement').textContent(), /^The answer is complete\. Here/);
});

onPage('grows block by block into what the whole would be', {}, async (page) => {
  const blocks = ['# T', 'A *b* [c](http://d)\nmore', '- one\n- two\n\n  deep', '1. x\n2. y',
    'text', '9. l\n\n10. m\n\n    more', '> q', '* p\n\n* q', '```js\na\n\nb\n```',
    '| a | b |\n|---|---|\n| 1 | 2 |', 'end'];
  const texts = [blocks.join('\n\n'), 'a [link][r]\n\nb\n\n[r]: http://e\n'];
  const { start, differences } = await page.evaluate(async (all) => {
    const { Markdown } = await import('/page/markdown.js');
    const render = (text, step) => {
      const into = document.createElement('div');
      const markdown = new Markdown(into);
      for (let end = step; end < text.length + step; end += step) {
        markdown.show(text.slice(0, end));
      }
      markdown.end();
      return into.innerHTML.replace(/\s+/g, ' ');
    };
    return {
      start: render('9. i', 4),
      differences: all.flatMap((text) => [1, 2, 3, 7].map((step) => render(text, step))
          .filter((html) => html !== render(text, text.length))),
    };
  }, texts);
  assert.equal(start, '<ol start="9"> <li>i</li> </ol> ');
  assert.deepEqual(differences, []);
});

onPage('stops at Escape and keeps what came', {}, async (page) => {
  await choose(page, 'page/slow');
  await say(page, 'go on');
  await page.waitForFunction(() =>
    (document.querySelector('.assistant .text')?.textContent.length ?? 0) > 2);
  await page.keyboard.press('Escape');
  const answer = await finished(page);
  assert.match(await answer.locator('.figures').textContent(), /stopped by you$/);
  assert.match(await answer.locator('.text').textContent(), /^x{3,}\s*$/);
  assert.equal(await answer.locator('.error:visible').count(), 0);
});

onPage('regenerates, edits and starts anew', {}, async (page) => {
  const requests = [];
  await script(page, requests, said('first'), said('second'), said('third'));
  await say(page, 'one');
  assert.match(await (await finished(page)).textContent(), /first/);
  await page.getByRole('button', { name: 'Regenerate' }).click();
  await page.getByText('second', { exact: true }).waitFor();
  assert.deepEqual(requests[1], requests[0]);
  await page.getByRole('button', { name: 'Edit' }).click();
  await say(page, 'another');
  await page.getByText('third', { exact: true }).waitFor();
  assert.deepEqual(requests[2].messages, [{ role: 'user', content: 'another' }]);
  assert.equal(await page.locator('.turn').count(), 2);
  await page.getByRole('button', { name: 'New chat' }).click();
  assert.equal(await page.locator('.turn').count(), 0);
  await page.locator('#welcome').waitFor();
});

onPage('sends what is set, and only that', {}, async (page) => {
  const requests = [];
  await script(page, requests, said('yes'));
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('textbox', { name: 'System prompt' }).fill('Be brief.');
  for (const [label, value] of [['Temperature', '0.5'], ['Top p', '0.9'], ['Top k', '40'],
    ['Min p', '0.1'], ['Most tokens', '64'], ['Seed', '-7'], ['Presence penalty', '-1'],
    ['Frequency penalty', '1.5'], ['Repetition penalty', '1.1']]) {
    await page.getByLabel(label).fill(value);
  }
  await page.getByLabel('Stop strings').fill('END\n###');
  await say(page, 'hi');
  await finished(page);
  assert.deepEqual(requests[0], {
    model: 'test/scripted',
    messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hi' }],
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    min_p: 0.1,
    max_completion_tokens: 64,
    seed: -7,
    presence_penalty: -1,
    frequency_penalty: 1.5,
    repetition_penalty: 1.1,
    stop: ['END', '###'],
  });
});

onPage('shows an error with its field, and where it was entered', {}, async (page) => {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Temperature').fill('7');
  await say(page, 'hi');
  const answer = await finished(page);
  assert.match(await answer.locator('.error-message').textContent(), /temperature/);
  assert.match(await answer.locator('.error-kind').textContent(), /^400 \w+ · field temperature$/);
  assert.equal(await page.getByLabel('Temperature').getAttribute('aria-invalid'), 'true');
  await page.getByLabel('Temperature').fill('x');
  await say(page, 'hi');
  await page.getByText('temperature must be a number.').waitFor();
  await page.getByLabel('Temperature').fill('');
  await page.getByRole('button', { name: 'Try again' }).click();
  assert.match(await (await finished(page)).locator('.text').textContent(), /Hello, wörld! 🦙/);
});

onPage('shows an error that comes in the middle of an answer', {}, async (page) => {
  await page.route('**/v1/chat/completions', (route) => route.fulfill({
    contentType: 'text/event-stream',
    body: 'data: {"choices":[{"index":0,"delta":{"content":"so far"},"finish_reason":null}]}\n\n'
      + ': ping\n\nevent: error\ndata: {"error":{"message":"It broke.","code":"internal_error"}}\n\n',
  }));
  await say(page, 'hi');
  const answer = await finished(page);
  assert.match(await answer.locator('.text').textContent(), /so far/);
  assert.equal(await answer.locator('.error-message').textContent(), 'It broke.');
});

onPage('asks for an answer by a JSON Schema', {}, async (page) => {
  await choose(page, 'hash');
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByText('JSON answer').click();
  const box = page.getByLabel('JSON Schema', { exact: true });
  await box.fill('{"type": "object"');
  await page.getByText(/^Not JSON: /).waitFor();
  await say(page, 'hi');
  assert.equal(await page.locator('.turn').count(), 0);
  await box.fill(JSON.stringify({
    type: 'object',
    properties: { colour: { enum: ['red', 'green'] }, sure: { type: 'boolean' } },
    required: ['colour', 'sure'],
    additionalProperties: false,
  }));
  await page.press('#message', 'Enter');
  const text = await (await finished(page)).locator('.json').textContent();
  const { colour, sure } = JSON.parse(text);
  assert.ok(['red', 'green'].includes(colour), text);
  assert.equal(typeof sure, 'boolean', text);
});

onPage('lets the user answer calls of tools', {}, async (page) => {
  const requests = [];
  const call = (index, id, name, args) => [
    { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] },
    ...args.match(/.{1,5}/g).map((part) => ({ tool_calls: [{ index, function: { arguments: part } }] })),
  ];
  await script(page, requests,
      [{ role: 'assistant', content: null }, ...call(0, 'call_a', 'get_weather', '{"city":"Lima"}'),
        ...call(1, 'call_b', 'get_weather', '{"city":"Cusco"}'), { finish: 'tool_calls' }],
      said('Cloudy in both.'));
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByText('Tools', { exact: true }).click();
  await page.getByRole('button', { name: 'Add a function' }).click();
  await page.keyboard.type('get_weather');
  await page.getByLabel('Description').fill('The weather');
  await page.getByLabel('Parameters, a JSON Schema').fill('{"type":"object"}');
  await page.getByLabel('Tool choice').selectOption({ label: 'only get_weather' });
  await say(page, 'weather?');
  const answer = await finished(page);
  assert.deepEqual(await answer.locator('.call pre').allTextContents(),
      ['{"city":"Lima"}', '{"city":"Cusco"}']);
  await page.getByLabel('Result of call 1').fill('rain');
  await page.getByLabel('Result of call 2').fill('clouds');
  await page.getByRole('button', { name: 'Send results' }).click();
  await page.getByText('Cloudy in both.', { exact: true }).waitFor();
  const tool = { type: 'function', function: {
    name: 'get_weather', description: 'The weather', parameters: { type: 'object' } } };
  assert.deepEqual(requests.map(({ tools, tool_choice: choice }) => ({ tools, choice })), [
    { tools: [tool], choice: { type: 'function', function: { name: 'get_weather' } } },
    { tools: [tool], choice: 'auto' },
  ]);
  const calls = [['call_a', 'Lima'], ['call_b', 'Cusco']].map(([id, city]) => (
    { id, type: 'function', function: { name: 'get_weather', arguments: `{"city":"${city}"}` } }));
  assert.deepEqual(requests[1].messages, [
    { role: 'user', content: 'weather?' },
    { role: 'assistant', content: null, tool_calls: calls },
    { role: 'tool', tool_call_id: 'call_a', content: 'rain' },
    { role: 'tool', tool_call_id: 'call_b', content: 'clouds' },
  ]);
});

onPage('has a function called by the real engine', {}, async (page) => {
  await choose(page, 'roomy-hash');
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Most tokens').fill('100');
  await page.getByText('Tools', { exact: true }).click();
  await page.getByRole('button', { name: 'Add a function' }).click();
  await page.keyboard.type('paint');
  await page.getByLabel('Parameters, a JSON Schema').fill('{"type":"object","properties":'
    + '{"colour":{"enum":["red"]}},"required":["colour"],"additionalProperties":false}');
  await page.getByLabel('Tool choice').selectOption('required');
  await page.getByLabel('Several calls in one answer').uncheck();
  await say(page, 'paint it');
  const answer = await finished(page);
  assert.deepEqual(JSON.parse(await answer.locator('.call pre').textContent()), { colour: 'red' });
  assert.match(await answer.locator('.figures').textContent(), /· tool call$/);
  await page.keyboard.type('done');
  await page.keyboard.press('Control+Enter');
  await page.locator('.turn:nth-child(3):not(.streaming)').waitFor();
  assert.equal(await page.locator('.error:visible').count(), 0);
});

onPage('makes nothing of hostile output but text', {}, async (page) => {
  await choose(page, 'page/hostile');
  await say(page, 'hi');
  const answer = await finished(page);
  const found = await answer.evaluate((turn) => ({
    elements: [...turn.querySelectorAll('.text *')].map((e) => e.localName)
        .filter((name) => !['p', 'a', 'code', 'pre'].includes(name)),
    attributes: [...turn.querySelectorAll('.text *')].flatMap((e) => e.getAttributeNames())
        .filter((name) => !['href', 'rel', 'target'].includes(name)),
    links: [...turn.querySelectorAll('.text a')].map((a) => a.getAttribute('href')),
  }));
  assert.deepEqual(found, { elements: [], attributes: [], links: [null, null, 'http://evil.example/i.png'] });
  assert.match(await answer.locator('.text').textContent(), /<script>alert\(1\)<\/script>/);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
});

onPage('stays quick under huge and knotted output', {}, async (page) => {
  const knots = ['[a](', '![a](<', '**a ', '_a ', '> ', '<', '[', '- ', '`', '| a '];
  const requests = [];
  // As long as what is still rendered, and far longer.
  const texts = [...knots.map((knot) => knot.repeat(7_900 / knot.length)), 'word '.repeat(100_000)];
  await script(page, requests, ...texts.map(said));
  for (const text of texts) {
    await say(page, 'hi');
    await finished(page);
    await page.getByRole('button', { name: 'New chat' }).click();
  }
  assert.equal(requests.length, texts.length);
});

onPage('can be used by the keyboard alone', {}, async (page) => {
  const press = async (...keys) => {
    for (const key of keys) {
      await page.keyboard.press(key);
    }
  };
  await page.keyboard.type('first line');
  await press('Shift+Enter');
  await page.keyboard.type('second line');
  await press('Enter');
  await finished(page);
  assert.equal(await page.locator('.said').textContent(), 'first line\nsecond line');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'message');
  const reached = new Set();
  for (let i = 0; i < 45; i++) {
    await press('Tab');
    const name = await page.evaluate(() => {
      const { activeElement: it } = document;
      const seen = it === document.body || it.id === 'message'
        || getComputedStyle(it).outlineStyle !== 'none';
      return `${it.id || it.textContent.slice(0, 20)}${seen ? '' : ' without a visible focus'}`;
    });
    if (name === 'open-settings' && !reached.has(name)) {
      await press('Enter');
    }
    reached.add(name);
  }
  for (const control of ['model', 'new-chat', 'theme', 'Edit', 'Regenerate', 'Copy', 'message', 'send',
    'close-settings', 'temperature', 'key', 'stop-strings']) {
    assert.ok(reached.has(control), `${control} is not among ${[...reached].join(', ')}`);
  }
  assert.deepEqual([...reached].filter((name) => name.includes('without')), []);
  await press('Escape');
  assert.equal(await page.locator('#settings').isVisible(), false);
});

onPage('names every control', {}, async (page) => {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.evaluate(() => document.querySelectorAll('details').forEach((d) => (d.open = true)));
  await page.getByRole('button', { name: 'Add a function' }).click();
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('input, select, textarea, button')]
        .filter((c) => !c.labels?.length && !c.ariaLabel && !c.textContent.trim())
        .map((c) => c.outerHTML));
  assert.deepEqual(nameless, []);
});

onPage('fits a phone', { ...PHONE }, async (page) => {
  const overflow = () => page.evaluate(() =>
    [document.documentElement, document.querySelector('#scroll'), document.querySelector('#settings')]
        .map((e) => e.scrollWidth - e.clientWidth));
  assert.deepEqual(await overflow(), [0, 0, 0]);
  await script(page, [], said(`${'long'.repeat(100)}\n\n\`\`\`\n${'wide '.repeat(60)}\n\`\`\`\n\n`
    + `| ${'head | '.repeat(12)}\n|${'---|'.repeat(12)}\n| ${'cell | '.repeat(12)}\n`));
  await say(page, 'w'.repeat(200));
  await finished(page);
  assert.deepEqual(await overflow(), [0, 0, 0]);
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.evaluate(() => document.querySelectorAll('details').forEach((d) => (d.open = true)));
  await page.getByRole('button', { name: 'Add a function' }).click();
  assert.deepEqual(await overflow(), [0, 0, 0]);
});

onPage('follows the end until the user scrolls up', {}, async (page) => {
  await script(page, [], said('line\n\n'.repeat(100)));
  const distance = () => page.locator('#scroll').evaluate((e) =>
    e.scrollHeight - e.scrollTop - e.clientHeight);
  await say(page, 'one');
  await finished(page);
  assert.ok(await distance() < 2);
  await page.locator('#scroll').hover();
  await page.mouse.wheel(0, -600);
  await page.getByRole('button', { name: 'To the end' }).click();
  assert.ok(await distance() < 2);
});

onPage('is dark where the system is, and light on request', { colorScheme: 'dark' }, async (page) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.getByRole('button', { name: 'Light or dark' }).click();
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  assert.equal(await ground(), light);
});

onPage('asks for a key where one is needed', {}, async (page) => {
  await page.route('**/v1/models', (route) => (route.request().headers().authorization
    ? route.continue()
    : route.fulfill({ status: 401, json: { error: { message: 'Wrong key.', code: 'invalid_api_key' } } })));
  await page.reload();
  await page.getByText('This server asks for an API key').waitFor({ state: 'attached' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'key');
  await page.keyboard.type('sk-1');
  await page.keyboard.press('Enter');
  await page.getByText('test/scripted is ready').waitFor();
});

onPage('keeps the key for the tab and sends it', {}, async (page, context) => {
  const keys = [];
  await page.route('**/v1/models', (route) => {
    keys.push(route.request().headers().authorization);
    return route.continue();
  });
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('API key').fill('sk-1');
  await page.getByLabel('API key').blur();
  await page.reload();
  await page.waitForFunction(() => document.querySelector('#model').options.length > 0);
  assert.deepEqual(keys, ['Bearer sk-1', 'Bearer sk-1']);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.deepEqual(await context.cookies(), []);
});
