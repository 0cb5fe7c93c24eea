import { Answer } from './answer.js';
import { Api, ApiError } from './api.js';
import { Conversation } from './conversation.js';
import { element } from './element.js';
import { InvalidEntry, markInvalid } from './entry.js';
import { EngineStrip } from './engine-strip.js';
import { EXAMPLES } from './examples.js';
import { Follower } from './follower.js';
import { Settings } from './settings.js';
import { toggleTheme } from './theme.js';
import { AnswerView, UserTurnView } from './turn-view.js';

const $ = (id) => document.getElementById(id);

/** The page: turns what the user does into requests, and what comes back into turns. */
class Page {
  #api = new Api();
  #conversation = new Conversation();
  #settings = new Settings($('settings'));
  #follower = new Follower($('scroll'), $('to-end'));
  #views = new Map();
  #models = [];
  #running = null;
  #editing = null;

  constructor() {
    new EngineStrip(this.#api, $('strip'), () => this.#model?.root);
    $('key').value = this.#api.key;
    $('key').addEventListener('change', () => this.#useKey());
    $('composer').addEventListener('submit', (event) => this.#submit(event));
    $('message').addEventListener('keydown', (event) => this.#typed(event));
    $('message').addEventListener('input', () => this.#fitMessage());
    $('stop').addEventListener('click', () => this.#running?.abort());
    $('new-chat').addEventListener('click', () => this.#newChat());
    $('open-settings').addEventListener('click', () => this.#showSettings($('settings').hidden));
    $('close-settings').addEventListener('click', () => this.#showSettings(false));
    $('clear-settings').addEventListener('click', () => this.#settings.clear());
    for (const event of ['input', 'change']) {
      $('settings').addEventListener(event, () => this.#showInForce());
    }
    $('theme').addEventListener('click', toggleTheme);
    $('cancel-edit').addEventListener('click', () => this.#stopEditing());
    $('model').addEventListener('change', () => this.#describeModel());
    document.addEventListener('keydown', (event) => this.#escaped(event));
    $('examples').append(...EXAMPLES.map((example) => this.#exampleButton(example)));
    this.#loadModels();
    $('message').focus();
  }

  get #model() {
    return this.#models.find((model) => model.id === $('model').value);
  }

  async #loadModels() {
    try {
      this.#models = await this.#api.models();
      $('model').replaceChildren(
          ...this.#models.map(({ id }) => element('option', { value: id }, id)));
      this.#describeModel();
    } catch (failure) {
      const needsKey = failure.status === 401;
      $('model-note').textContent = needsKey && !this.#api.key
        ? 'This server asks for an API key: enter it in the settings.'
        : failure.message;
      if (needsKey) {
        this.#showSettings(true, 'key');
      }
    }
  }

  #describeModel() {
    const model = this.#model;
    $('model-note').textContent = model
      ? `${model.id} is ready, with a context of ${model.max_model_len.toLocaleString('en')} tokens.`
      : 'No model is being served.';
  }

  #useKey() {
    this.#api.key = $('key').value.trim();
    this.#loadModels();
  }

  #exampleButton(example) {
    const { title, prompt, note, settings = {} } = example;
    const use = () => {
      this.#settings.use(settings);
      this.#say(prompt);
    };
    return element('li', {}, element('button', { type: 'button', onclick: use },
        element('strong', {}, title), element('span', {}, prompt),
        ...(note ? [element('small', {}, note)] : [])));
  }

  #typed(event) {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      $('composer').requestSubmit();
    }
  }

  #escaped(event) {
    if (event.key !== 'Escape') {
      return;
    }
    if (this.#running) {
      this.#running.abort();
    } else if (this.#editing) {
      this.#stopEditing();
    } else if (!$('settings').hidden) {
      this.#showSettings(false);
    }
  }

  #submit(event) {
    event.preventDefault();
    const text = $('message').value;
    if (text.trim() !== '' && !this.#running) {
      this.#say(text);
    }
  }

  /** Says something new, or something else in place of what is being edited. */
  #say(text) {
    if (this.#running || !this.#members(false)) {
      return;
    }
    if (this.#editing) {
      this.#cutAt(this.#editing);
      this.#stopEditing();
    }
    this.#views.get(this.#conversation.last)?.settle?.();
    $('message').value = '';
    this.#fitMessage();
    const turn = this.#conversation.add({ role: 'user', text });
    this.#append(turn, new UserTurnView(turn, { onedit: () => this.#edit(turn) }));
    this.#answer();
  }

  /** The settings as members of a request; null, and the reason shown, when they cannot be sent. */
  #members(afterResults) {
    try {
      return this.#settings.members(afterResults);
    } catch (failure) {
      if (!(failure instanceof InvalidEntry)) {
        throw failure;
      }
      this.#showSettings(true);
      markInvalid(failure.control, failure.message);
      failure.control.closest('details')?.setAttribute('open', '');
      failure.control.focus();
      return null;
    }
  }

  async #answer() {
    const afterResults = this.#conversation.last.role === 'assistant';
    const members = this.#members(afterResults);
    if (!members) {
      return;
    }
    const request = {
      model: $('model').value,
      messages: this.#conversation.messages(this.#settings.system),
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
      ...members,
    };
    const answer = this.#conversation.add(new Answer(this.#settings.wantsJson));
    const view = new AnswerView(answer, {
      onregenerate: () => this.#regenerate(answer),
      onresults: (results) => this.#sendResults(answer, results),
      onsettings: (name) => this.#showSettings(true, name),
      ongrow: () => this.#follower.update(),
    });
    this.#append(answer, view);
    this.#follower.follow();
    await this.#stream(request, answer, view);
  }

  async #stream(request, answer, view) {
    this.#running = new AbortController();
    this.#showRunning(true);
    this.#announce('The answer begins.');
    try {
      for await (const chunk of this.#api.chat(request, this.#running.signal)) {
        answer.apply(chunk);
        view.update();
      }
      answer.end(answer.finish ?? 'stop');
    } catch (failure) {
      this.#fail(failure, answer);
    }
    this.#running = null;
    this.#showRunning(false);
    view.end();
    this.#announce(answer.error
      ? `Error: ${answer.error.message}`
      : `The answer is complete. ${view.plainText.slice(0, 600)}`);
  }

  #fail(failure, answer) {
    if (failure.name === 'AbortError') {
      answer.end('stopped');
    } else {
      answer.end('failed', failure instanceof ApiError ? failure : new ApiError(String(failure)));
      const control = this.#settings.showError(failure.param, failure.message);
      control?.closest('details')?.setAttribute('open', '');
    }
  }

  #sendResults(answer, results) {
    if (this.#running || !answer.asksForResults) {
      return;
    }
    answer.calls.forEach((call, index) => (call.result = results[index]));
    this.#views.get(answer).settle();
    $('message').focus();
    this.#answer();
  }

  #regenerate(answer) {
    if (!this.#running && this.#members(false)) {
      this.#cutAt(answer);
      this.#answer();
    }
  }

  #edit(turn) {
    if (this.#running) {
      return;
    }
    this.#stopEditing();
    this.#editing = turn;
    $('editing').hidden = false;
    const turns = this.#conversation.turns;
    turns.slice(turns.indexOf(turn)).forEach((later) =>
      this.#views.get(later).element.classList.add('replaced'));
    $('message').value = turn.text;
    this.#fitMessage();
    $('message').focus();
  }

  #stopEditing() {
    if (this.#editing) {
      this.#editing = null;
      $('editing').hidden = true;
      $('message').value = '';
      this.#fitMessage();
      this.#views.forEach((view) => view.element.classList.remove('replaced'));
    }
  }

  #newChat() {
    this.#running?.abort();
    this.#stopEditing();
    if (this.#conversation.turns.length > 0) {
      this.#cutAt(this.#conversation.turns[0]);
    }
    $('message').focus();
  }

  #append(turn, view) {
    this.#views.set(turn, view);
    $('turns').append(view.element);
    this.#showTurns();
  }

  #cutAt(turn) {
    this.#conversation.cutAt(turn);
    for (const [known, view] of this.#views) {
      if (!this.#conversation.turns.includes(known)) {
        view.element.remove();
        this.#views.delete(known);
      }
    }
    this.#showTurns();
  }

  #showTurns() {
    $('welcome').hidden = this.#conversation.turns.length > 0;
    this.#views.forEach((view, turn) => (view.last = turn === this.#conversation.last));
  }

  #showRunning(running) {
    document.body.classList.toggle('running', running);
    $('send').hidden = running;
    $('stop').hidden = !running;
  }

  #showSettings(shown, name) {
    $('settings').hidden = !shown;
    $('open-settings').setAttribute('aria-expanded', String(shown));
    document.body.classList.toggle('with-settings', shown);
    if (name) {
      $(name).focus();
    } else {
      $(shown ? 'close-settings' : 'message').focus();
    }
  }

  #showInForce() {
    const { summary } = this.#settings;
    $('in-force').hidden = summary.length === 0;
    $('in-force-text').textContent = `With ${summary.join(', ')}`;
    this.#follower.update();
  }

  /** The field is as high as what is in it, up to a limit that the style sets. */
  #fitMessage() {
    const message = $('message');
    message.style.height = 'auto';
    message.style.height = `${message.scrollHeight}px`;
    this.#follower.update();
  }

  /** Says to those who listen what others see; the growing text itself would be noise. */
  #announce(text) {
    $('announcement').textContent = text;
  }
}

new Page();
