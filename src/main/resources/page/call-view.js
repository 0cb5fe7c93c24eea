import { element, labelled } from './element.js';

/** A call of a function: its name, its arguments as they stream in, and its result. */
export class CallView {
  element;
  #call;
  #arguments = element('code');
  #state = element('span', { class: 'call-state' });
  #result = element('textarea', { class: 'code', rows: '2', spellcheck: 'false',
    placeholder: 'What the function returns' });
  #resultArea;

  /**
   * @param number 1 for the first call of an answer
   * @param onready called when Control+Enter is pressed in the result
   */
  constructor(call, number, onready) {
    this.#call = call;
    const name = call.name || 'function';
    this.#result.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        onready();
      }
    });
    this.#resultArea = labelled(`Result of call ${number}`, this.#result);
    this.#resultArea.hidden = true;
    this.element = element('section', { class: 'call', 'aria-label': `Call ${number}: ${name}` },
        element('header', {}, element('strong', { class: 'code' }, name), this.#state),
        element('pre', { tabindex: '0', 'aria-label': 'Arguments' }, this.#arguments),
        this.#resultArea);
  }

  /** @param answer the answer that the call belongs to */
  update(answer) {
    const done = answer.finish !== null;
    this.#arguments.textContent = done ? pretty(this.#call.arguments) : this.#call.arguments;
    this.#state.textContent = stateOf(this.#call, answer);
    this.#resultArea.hidden = !answer.asksForResults && this.#call.result === null;
    if (this.#call.result !== null) {
      this.#result.value = this.#call.result;
      this.#result.readOnly = true;
    }
  }

  get result() {
    return this.#result.value;
  }

  focus() {
    this.#result.focus();
  }
}

function stateOf(call, answer) {
  if (answer.finish === null) {
    return 'writing arguments…';
  }
  if (call.result !== null) {
    return 'answered';
  }
  return answer.asksForResults ? 'waits for its result' : 'not complete';
}

const ONE_LINE = 60;

/** JSON set out to be read, on several lines unless it is short; anything else as it is. */
export function pretty(text) {
  try {
    const value = JSON.parse(text);
    return text.length < ONE_LINE ? text : JSON.stringify(value, null, 2);
  } catch {
    return text;
  }
}
