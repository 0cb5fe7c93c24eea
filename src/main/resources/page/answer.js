/** An assistant's turn as its chunks come in: text, tool calls, and what it took. */
export class Answer {
  role = 'assistant';
  text = '';
  refusal = '';
  /** {id, name, arguments, result}; the result is null until the user gives one. */
  calls = [];
  /** Null while the answer streams; else the API's reason, `stopped` or `failed`. */
  finish = null;
  error = null;

  #usage = null;
  #asked = performance.now();
  #first = null;
  #last = null;

  /** Whether the text was promised to be JSON. */
  constructor(json = false) {
    this.json = json;
  }

  apply(chunk) {
    this.#usage = chunk.usage ?? this.#usage;
    const choice = chunk.choices[0];
    if (!choice) {
      return;
    }
    const { content, refusal, tool_calls: calls } = choice.delta;
    if (content || refusal || calls) {
      this.#last = performance.now();
      this.#first ??= this.#last;
    }
    this.text += content ?? '';
    this.refusal += refusal ?? '';
    for (const delta of calls ?? []) {
      this.#applyCall(delta);
    }
    this.finish = choice.finish_reason ?? this.finish;
  }

  #applyCall({ index, id, function: called }) {
    this.calls[index] ??= { id, name: called.name, arguments: '', result: null };
    this.calls[index].arguments += called.arguments ?? '';
  }

  /** Nothing more will come. */
  end(finish, error = null) {
    this.finish = finish;
    this.error = error;
  }

  get begun() {
    return this.#first !== null;
  }

  /** Whether it waits for the user to give the results of its calls. */
  get asksForResults() {
    return this.calls.length > 0 && !this.answered && ['tool_calls', 'stop'].includes(this.finish);
  }

  /** Whether each of its calls has a result. */
  get answered() {
    return this.calls.length > 0 && this.calls.every((call) => call.result !== null);
  }

  /** Seconds to the first token, tokens, tokens per second after the first; null: not known. */
  get figures() {
    const tokens = this.#usage?.completion_tokens ?? null;
    const seconds = (this.#last - this.#first) / 1000;
    return {
      ttft: this.begun ? (this.#first - this.#asked) / 1000 : null,
      tokens,
      cached: this.#usage?.prompt_tokens_details?.cached_tokens ?? null,
      prompt: this.#usage?.prompt_tokens ?? null,
      rate: tokens > 1 && seconds > 0 ? (tokens - 1) / seconds : null,
    };
  }
}
