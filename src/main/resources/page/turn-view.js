import { CallView, pretty } from './call-view.js';
import { element } from './element.js';
import { Markdown } from './markdown.js';

/** What the user said. */
export class UserTurnView {
  last = true;

  constructor(turn, { onedit }) {
    this.element = element('li', { class: 'turn user' },
        element('h2', { class: 'hidden' }, 'You'),
        element('div', { class: 'said' }, turn.text),
        element('div', { class: 'actions' },
            element('button', { type: 'button', class: 'quiet', onclick: () => onedit(turn) },
                'Edit')));
  }
}

/** An answer: its text, its calls, an error, and what it took. */
export class AnswerView {
  element;
  #answer;
  #actions;
  #text = element('div', { class: 'text' });
  #calls = element('div', { class: 'calls' });
  #callViews = [];
  #error = element('div', { class: 'error', hidden: true });
  #figures = element('p', { class: 'figures' });
  #buttons = element('div', { class: 'actions' });
  #send;
  #markdown = new Markdown(this.#text);
  #scheduled = false;

  /**
   * @param actions `onregenerate`, `onresults`, called with the results in order, and `onsettings`,
   *     called with the name of the control to show; `ongrow` when the view may have grown
   */
  constructor(answer, actions) {
    this.#answer = answer;
    this.#actions = actions;
    this.#send = element('button',
        { type: 'button', class: 'primary', hidden: true, onclick: () => this.#sendResults() },
        'Send results');
    this.element = element('li', { class: 'turn assistant streaming' },
        element('h2', { class: 'hidden' }, 'Answer'),
        this.#text, this.#calls, this.#send, this.#error,
        element('div', { class: 'foot' }, this.#figures, this.#buttons));
    this.#render();
  }

  /** The answer has grown; it is shown with the next frame. */
  update() {
    if (!this.#scheduled) {
      this.#scheduled = true;
      requestAnimationFrame(() => {
        if (this.#scheduled) {
          this.#render();
        }
      });
    }
  }

  /** The answer is over. */
  end() {
    this.#render();
    this.#markdown.end();
    this.element.classList.remove('streaming');
    this.#showError();
    this.#showButtons();
    this.#actions.ongrow();
    if (this.#answer.asksForResults) {
      this.#callViews[0].focus();
    }
  }

  /** The results have been sent, or the conversation has gone on without them. */
  settle() {
    this.#send.hidden = true;
    this.#callViews.forEach((view) => view.update(this.#answer));
  }

  /** Only the last answer can be made again. */
  set last(last) {
    this.#buttons.querySelector('.regenerate')?.toggleAttribute('hidden', !last);
  }

  get plainText() {
    return this.#text.textContent;
  }

  #render() {
    this.#scheduled = false;
    const answer = this.#answer;
    this.#showText();
    answer.calls.forEach((call, index) => {
      this.#callViews[index] ??= this.#addCall(call, index + 1);
      this.#callViews[index].update(answer);
    });
    this.#send.hidden = !answer.asksForResults;
    this.element.classList.toggle('begun', answer.begun);
    this.#figures.textContent = figuresOf(answer).join(' · ');
    this.#actions.ongrow();
  }

  #showText() {
    const text = this.#answer.text || this.#answer.refusal;
    if (this.#answer.json && text) {
      const shown = this.#answer.finish ? pretty(text) : text;
      this.#text.replaceChildren(element('pre', { class: 'json' }, element('code', {}, shown)));
    } else {
      this.#markdown.show(text);
    }
  }

  #addCall(call, number) {
    const view = new CallView(call, number, () => this.#sendResults());
    this.#calls.append(view.element);
    return view;
  }

  #sendResults() {
    this.#actions.onresults(this.#callViews.map((view) => view.result));
  }

  #showError() {
    const { error } = this.#answer;
    this.#error.hidden = !error;
    if (!error) {
      return;
    }
    const kind = [error.status || null, error.code].filter(Boolean).join(' ');
    this.#error.replaceChildren(
        element('p', { class: 'error-message' }, error.message),
        element('p', { class: 'error-kind' }, kind,
            ...(error.param ? [kind ? ' · field ' : 'field ', element('code', {}, error.param)] : [])));
    if (error.status === 401) {
      this.#error.append(element('button', { type: 'button', class: 'quiet',
        onclick: () => this.#actions.onsettings('key') }, 'Enter an API key'));
    }
  }

  #showButtons() {
    const { error, text } = this.#answer;
    this.#buttons.replaceChildren(
        element('button', { type: 'button', class: 'quiet regenerate',
          onclick: () => this.#actions.onregenerate() }, error ? 'Try again' : 'Regenerate'));
    if (text) {
      this.#buttons.append(element('button', { type: 'button', class: 'quiet',
        onclick: (event) => copy(event.target, text) }, 'Copy'));
    }
  }
}

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  button.textContent = 'Copied';
  setTimeout(() => (button.textContent = 'Copy'), 1500);
}

const ENDS = {
  stop: 'complete',
  length: 'cut at the token limit',
  tool_calls: 'tool call',
  content_filter: 'filtered',
  stopped: 'stopped by you',
};

/** Time to the first token, speed, size, and how it ended. */
function figuresOf(answer) {
  const { ttft, rate, tokens, prompt, cached } = answer.figures;
  return [
    ttft === null ? null : `${ttft.toFixed(2)} s to first token`,
    rate === null ? null : `${rate.toFixed(1)} tokens/s`,
    tokens === null ? null : `${tokens} tokens`,
    prompt === null || !answer.finish ? null : `prompt ${prompt}${cached ? `, ${cached} cached` : ''}`,
    ENDS[answer.finish] ?? null,
  ].filter((figure) => figure !== null);
}
