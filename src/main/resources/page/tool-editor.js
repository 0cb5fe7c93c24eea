import { element, labelled } from './element.js';
import { InvalidEntry, parse } from './entry.js';

const MODES = ['auto', 'required', 'none'];

/** The functions that the model may call, as the user writes them down. */
export class ToolEditor {
  #list;
  #choice;
  #parallel;

  constructor(form) {
    this.#list = form.querySelector('#tools');
    this.#choice = form.elements.tool_choice;
    this.#parallel = form.elements.parallel_tool_calls;
    form.querySelector('#add-tool').addEventListener('click', () => {
      this.#add({ name: '', description: '', parameters: '' }).querySelector('input').focus();
      this.#list.dispatchEvent(new Event('change', { bubbles: true }));
    });
    this.#list.addEventListener('input', () => this.#showChoices());
    this.#showChoices();
  }

  get count() {
    return this.#list.children.length;
  }

  use(tools, choice, parallel) {
    this.#list.replaceChildren();
    tools.forEach((tool) => this.#add(tool));
    this.#showChoices();
    this.#choice.value = choice;
    this.#parallel.checked = parallel;
  }

  #add({ name, description, parameters }) {
    const nameField = element('input', { class: 'code', spellcheck: 'false', autocomplete: 'off',
      placeholder: 'get_weather', 'data-part': 'name' });
    nameField.value = name;
    const descriptionField = element('input', { autocomplete: 'off',
      placeholder: 'What it does, for the model', 'data-part': 'description' });
    descriptionField.value = description;
    const parametersField = element('textarea', { class: 'code', rows: '6', spellcheck: 'false',
      'data-kind': 'json', 'data-part': 'parameters',
      placeholder: '{ "type": "object", "properties": { … } }' });
    parametersField.value = parameters;
    const remove = element('button', { type: 'button', class: 'quiet', onclick: () => {
      tool.remove();
      this.#showChoices();
      this.#list.dispatchEvent(new Event('change', { bubbles: true }));
    } }, 'Remove');
    const tool = element('fieldset', { class: 'tool' },
        element('legend', {}, 'Function'),
        labelled('Name', nameField), labelled('Description', descriptionField),
        labelled('Parameters, a JSON Schema', parametersField), remove);
    this.#list.append(tool);
    this.#showChoices();
    return tool;
  }

  get #tools() {
    return [...this.#list.children].map((tool) => ({
      name: tool.querySelector('[data-part=name]'),
      description: tool.querySelector('[data-part=description]'),
      parameters: tool.querySelector('[data-part=parameters]'),
    }));
  }

  /** `auto`, `required`, `none`, or one function by its name. */
  #showChoices() {
    const chosen = this.#choice.value;
    const names = this.#tools.map((tool) => tool.name.value).filter((name) => name !== '');
    const options = [...MODES.map((mode) => [mode, mode]),
      ...names.map((name) => [`function:${name}`, `only ${name}`])];
    this.#choice.replaceChildren(
        ...options.map(([value, text]) => element('option', { value }, text)));
    this.#choice.value = options.some(([value]) => value === chosen) ? chosen : 'auto';
    const none = this.#list.children.length === 0;
    this.#choice.disabled = none;
    this.#parallel.disabled = none;
  }

  members(afterResults) {
    const tools = this.#tools.map(({ name, description, parameters }) => {
      if (name.value.trim() === '') {
        throw new InvalidEntry(name, 'A function needs a name.');
      }
      return { type: 'function', function: {
        name: name.value.trim(),
        ...(description.value.trim() ? { description: description.value.trim() } : {}),
        ...(parameters.value.trim() ? { parameters: parse(parameters) } : {}),
      } };
    });
    if (tools.length === 0) {
      return {};
    }
    const choice = afterResults && this.#choice.value !== 'none' ? 'auto' : this.#choice.value;
    const [, name] = choice.split('function:');
    return {
      tools,
      tool_choice: name ? { type: 'function', function: { name } } : choice,
      ...(this.#parallel.checked ? {} : { parallel_tool_calls: false }),
    };
  }

  /** The control that a field such as `tools[1].function.name` comes from. */
  controlOf(field) {
    const index = Number(/^tools\[(\d+)]/.exec(field)?.[1] ?? 0);
    const tool = this.#tools[index];
    const part = ['name', 'description'].find((name) => field.includes(`.${name}`));
    return tool ? tool[part ?? 'parameters'] : null;
  }
}
