import { InvalidEntry, markInvalid, markValid, parse } from './entry.js';
import { ToolEditor } from './tool-editor.js';

/** Fields of a request that are one number each, as they are named in the API. */
const NUMBERS = ['temperature', 'top_p', 'top_k', 'min_p', 'max_completion_tokens', 'seed',
  'presence_penalty', 'frequency_penalty', 'repetition_penalty'];

/** The form beside the conversation. What is left empty is left out: the model's default. */
export class Settings {
  #form;
  #controls;
  #tools;

  constructor(form) {
    this.#form = form;
    this.#controls = form.elements;
    this.#tools = new ToolEditor(form);
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', (event) => this.#checkAgain(event.target));
  }

  get system() {
    return this.#controls.system.value;
  }

  get wantsJson() {
    return this.#controls.schema.value.trim() !== '';
  }

  /** What is set, in words. */
  get summary() {
    const entries = [...NUMBERS, 'stop'].filter((name) => this.#controls[name].value.trim() !== '');
    return [
      this.system.trim() ? 'system prompt' : '',
      count(entries.length, 'sampling value'),
      this.wantsJson ? 'JSON schema' : '',
      count(this.#tools.count, 'function'),
    ].filter((part) => part !== '');
  }

  /** Takes what an example needs: the form of the answer, and how long it may be. */
  use({ schema = '', tools = [], toolChoice = 'auto', parallel = true,
    max_completion_tokens: most = '' }) {
    this.#controls.schema.value = schema;
    this.#controls.max_completion_tokens.value = most;
    this.#tools.use(tools, toolChoice, parallel);
    this.#changed();
  }

  /** Leaves everything but the key to the model and the server. */
  clear() {
    for (const name of [...NUMBERS, 'system', 'stop']) {
      this.#controls[name].value = '';
    }
    this.#controls.strict.checked = false;
    this.use({});
  }

  #changed() {
    this.clearErrors();
    this.#form.dispatchEvent(new Event('change'));
  }

  /**
   * The request's members that are set here.
   *
   * @param afterResults whether the model is to go on from the results of calls, so that it must
   *     not be made to call again
   */
  members(afterResults) {
    this.clearErrors();
    const members = {};
    for (const name of NUMBERS) {
      const value = this.#number(name);
      if (value !== undefined) {
        members[name] = value;
      }
    }
    const stop = this.#controls.stop.value.split('\n').filter((line) => line !== '');
    if (stop.length > 0) {
      members.stop = stop;
    }
    if (this.wantsJson) {
      const strict = this.#controls.strict.checked;
      const schema = parse(this.#controls.schema);
      members.response_format = {
        type: 'json_schema',
        json_schema: { name: 'answer', schema, ...(strict ? { strict } : {}) },
      };
    }
    return { ...members, ...this.#tools.members(afterResults) };
  }

  #number(name) {
    const control = this.#controls[name];
    const text = control.value.trim();
    if (text === '') {
      return undefined;
    }
    const value = Number(text);
    if (!Number.isFinite(value)) {
      throw new InvalidEntry(control, `${name} must be a number.`);
    }
    return value;
  }

  /** Shows an error at the control that the field of a request comes from, if there is one. */
  showError(field, message) {
    const control = this.#controlOf(field ?? '');
    if (control) {
      markInvalid(control, message);
    }
    return control;
  }

  #controlOf(field) {
    const root = field.split(/[.[]/)[0];
    const names = {
      response_format: 'schema',
      max_tokens: 'max_completion_tokens',
      tool_choice: 'tool_choice',
    };
    if (root === 'tools') {
      return this.#tools.controlOf(field);
    }
    return this.#controls[names[root] ?? root] ?? null;
  }

  /** Forgets all errors that are shown. */
  clearErrors() {
    this.#form.querySelectorAll('[aria-invalid]').forEach(markValid);
  }

  /** JSON is judged while it is typed; other entries have the benefit of the doubt. */
  #checkAgain(control) {
    markValid(control);
    if (control.dataset.kind === 'json' && control.value.trim() !== '') {
      try {
        parse(control);
      } catch (invalid) {
        markInvalid(control, invalid.message);
      }
    }
  }
}

function count(number, what) {
  return number === 0 ? '' : `${number} ${what}${number === 1 ? '' : 's'}`;
}
