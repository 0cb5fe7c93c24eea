import { ApiError } from './api.js';

const INTERVAL = 1_000;
const PATIENT_INTERVAL = 10_000;
const HISTORY = 60;

/** The engine's figures, read from its metrics once a second while the page is seen. */
export class EngineStrip {
  #api;
  #element;
  #model;
  #before = null;
  #rates = Array(HISTORY).fill(0);
  #ttft = null;

  /** @param model says whose figures are wanted, once that is known: a label `model_name` */
  constructor(api, strip, model) {
    this.#api = api;
    this.#element = strip;
    this.#model = model;
    this.#run();
  }

  async #run() {
    for (;;) {
      let interval = INTERVAL;
      if (!document.hidden && this.#model()) {
        interval = await this.#refresh();
      }
      await new Promise((resolve) => setTimeout(resolve, interval));
    }
  }

  async #refresh() {
    try {
      this.#show(new Sample(await this.#api.metrics(), this.#model()));
      this.#note('');
      return INTERVAL;
    } catch (failure) {
      const refused = failure instanceof ApiError && failure.status === 401;
      this.#before = null;
      this.#note(refused ? 'The figures need an API key.' : 'There are no figures.');
      return PATIENT_INTERVAL;
    }
  }

  #note(text) {
    this.#element.classList.toggle('unknown', text !== '');
    this.#element.querySelector('.note').textContent = text;
  }

  #show(sample) {
    const rate = this.#rate(sample);
    this.#set('running', whole(sample.running));
    this.#set('waiting', whole(sample.waiting));
    this.#set('kv', percent(sample.kv));
    this.#set('hits', percent(sample.hits / sample.queries));
    this.#set('rate', rate === null ? '–' : rate.toFixed(rate < 100 ? 1 : 0));
    this.#set('ttft', seconds(this.#latestTtft(sample)));
    this.#draw();
    this.#before = sample;
  }

  #rate(sample) {
    const before = this.#before;
    if (!before || before.tokens > sample.tokens) {
      return null;
    }
    const rate = (sample.tokens - before.tokens) / ((sample.at - before.at) / 1000);
    this.#rates = [...this.#rates, rate].slice(-HISTORY);
    return rate;
  }

  /** The mean over the answers since the last look, else as before; at first, over all. */
  #latestTtft(sample) {
    const { ttftSum: sum, ttftCount: count } = this.#before ?? { ttftSum: 0, ttftCount: 0 };
    if (sample.ttftCount > count) {
      this.#ttft = (sample.ttftSum - sum) / (sample.ttftCount - count);
    }
    return this.#ttft;
  }

  #set(name, text) {
    this.#element.querySelector(`[data-figure=${name}]`).textContent = text;
  }

  /** The speed of the last minute as a line. */
  #draw() {
    const most = Math.max(1, ...this.#rates);
    const points = this.#rates.map((rate, i) =>
      `${i},${(15 - (rate / most) * 14).toFixed(1)}`);
    this.#element.querySelector('polyline').setAttribute('points', points.join(' '));
  }
}

/** One reading of the metrics of a model. */
class Sample {
  at = performance.now();

  constructor(text, model) {
    const values = new Map();
    for (const line of text.split('\n')) {
      const match = /^vllm:(\w+)\{([^}]*)\} (\S+)/.exec(line);
      if (match && match[2].includes(`model_name="${model}"`)) {
        values.set(match[1], (values.get(match[1]) ?? 0) + Number(match[3]));
      }
    }
    if (!values.has('num_requests_running')) {
      throw new Error('no figures of this model');
    }
    this.running = values.get('num_requests_running');
    this.waiting = values.get('num_requests_waiting');
    this.kv = values.get('kv_cache_usage_perc');
    this.queries = values.get('prefix_cache_queries_total');
    this.hits = values.get('prefix_cache_hits_total');
    this.tokens = values.get('generation_tokens_total');
    this.ttftSum = values.get('time_to_first_token_seconds_sum');
    this.ttftCount = values.get('time_to_first_token_seconds_count');
  }
}

function whole(value) {
  return value.toFixed(0);
}

function percent(share) {
  if (share > 0 && share < 0.001) {
    return '< 0.1 %';
  }
  const digits = share > 0 && share < 0.1 ? 1 : 0;
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : '–';
}

function seconds(value) {
  if (value === null) {
    return '–';
  }
  return value < 1 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(1)} s`;
}
