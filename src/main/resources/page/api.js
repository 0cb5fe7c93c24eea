/** What the server refused or failed to do: its message, and the field it is about. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = null, param = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

const KEY = 'chasqui.key';

/** The server's API, with the key that the user typed, which lives as long as this tab. */
export class Api {
  get key() {
    return sessionStorage.getItem(KEY) ?? '';
  }

  set key(value) {
    if (value) {
      sessionStorage.setItem(KEY, value);
    } else {
      sessionStorage.removeItem(KEY);
    }
  }

  /** The models being served. */
  async models() {
    const response = await this.#fetch('/v1/models');
    return (await response.json()).data;
  }

  /** The server's metrics, in the text format of Prometheus. */
  async metrics() {
    return (await this.#fetch('/metrics')).text();
  }

  /** The chunks of a streamed chat completion. */
  async *chat(request, signal) {
    const response = await this.#fetch('/v1/chat/completions', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(request),
      signal,
    });
    for await (const data of events(response.body)) {
      if (data === '[DONE]') {
        return;
      }
      const chunk = JSON.parse(data);
      if (chunk.error) {
        throw new ApiError(chunk.error.message, chunk.error);
      }
      yield chunk;
    }
    throw new ApiError('The connection ended before the answer did.');
  }

  async #fetch(path, options = {}) {
    const headers = { ...options.headers };
    if (this.key) {
      headers.Authorization = `Bearer ${this.key}`;
    }
    let response;
    try {
      response = await fetch(path, { ...options, headers, cache: 'no-store', credentials: 'omit' });
    } catch (failure) {
      throw failure.name === 'AbortError' ? failure : unreachable();
    }
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  }
}

function unreachable() {
  return new ApiError('The server cannot be reached. Is it still running?');
}

async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  const error = body.error ?? {};
  return new ApiError(error.message ?? response.statusText, { ...error, status: response.status });
}

/** The data of each server-sent event; comments are passed over. */
async function* events(stream) {
  let rest = '';
  try {
    for await (const text of chunksOf(stream.pipeThrough(new TextDecoderStream()))) {
      const whole = (rest + text).split('\n\n');
      rest = whole.pop();
      for (const event of whole) {
        const lines = event.split('\n').filter((line) => line.startsWith('data:'));
        if (lines.length > 0) {
          yield lines.map((line) => line.slice(5).trimStart()).join('\n');
        }
      }
    }
  } catch (failure) {
    throw failure instanceof TypeError ? unreachable() : failure;
  }
}

/** A stream's chunks, in every browser: few have asynchronous iteration of streams. */
async function* chunksOf(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
