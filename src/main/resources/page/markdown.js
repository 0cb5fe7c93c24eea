import { Marked, Tokenizer } from './lib/marked.esm.js';
import DOMPurify from './lib/purify.es.mjs';

/** A paragraph, list or table beyond this many characters stays plain text. */
const LONGEST_BLOCK = 8_000;
const LONGEST_CODE = 100_000;

/** A block that takes longer to render, in milliseconds, stays plain text, too. */
const LONGEST_RENDERING = 100;

/** Everything up to a link's closing bracket, found in linear time; `marked` itself would not be. */
const LINK =
    /^!?\[[^[\]]*\]\([^()\s]*(?:\([^()\s]*\))?[^()\s]*(?:\s+["'][^"']*["'])?\s*\)/;
const LONGEST_LINK = 2_000;

/** A list item's beginning, or of that the beginning. */
const BULLET = /^\s*(?:[-+*]|\d{1,9}[.)]?)\s*$/;

const DEFINITION = /^ {0,3}\[[^\]]+\]:/m;

const marked = new Marked({
  gfm: true,
  tokenizer: {
    // A model's HTML is text, to be seen.
    html() {},
    tag() {},
    link(source) {
      const link = LINK.exec(source.slice(0, LONGEST_LINK));
      return link ? Tokenizer.prototype.link.call(this, link[0]) : undefined;
    },
  },
  renderer: {
    // A picture would be a request to somebody else: a link leaves that to the user.
    image({ href, text }) {
      return this.link({ href, tokens: [{ type: 'text', raw: text, text: `${text || href}` }] });
    },
    checkbox({ checked }) {
      return checked ? '☑ ' : '☐ ';
    },
  },
});

const ALLOWED = {
  ALLOWED_TAGS: ['a', 'blockquote', 'br', 'code', 'del', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6',
    'hr', 'li', 'ol', 'p', 'pre', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'],
  ALLOWED_ATTR: ['align', 'href', 'start', 'title'],
  ADD_URI_SAFE_ATTR: ['align', 'start'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer nofollow');
  }
});

/**
 * Markdown that grows. Only its last block can still change by what comes next: those before it are
 * rendered once and left alone, so that a long answer costs no more than a short one.
 */
export class Markdown {
  #into;
  #text = '';
  #settled = 0;
  #live = [];
  #plain = null;

  /** Renders into an element that holds nothing else. */
  constructor(into) {
    this.#into = into;
  }

  /** Shows the text, which begins with all that was shown before. */
  show(text) {
    this.#text = text.replace(/\r\n?/g, '\n');
    if (this.#plain) {
      this.#plain.data = this.#text.slice(this.#settled);
      return;
    }
    const started = performance.now();
    const rest = this.#text.slice(this.#settled);
    if (isTooLong(rest) || !this.#render(rest)) {
      this.#showPlain(rest);
    } else if (performance.now() - started > LONGEST_RENDERING) {
      this.#showPlain(this.#text.slice(this.#settled));
    }
  }

  /** The text is complete: links to definitions that came later are found. */
  end() {
    if (!this.#plain && this.#text.length < LONGEST_BLOCK && DEFINITION.test(this.#text)) {
      this.#into.replaceChildren(fragment(marked.lexer(this.#text)));
    }
  }

  #render(rest) {
    try {
      const tokens = marked.lexer(rest);
      const done = tokens.slice(0, firstOpen(tokens));
      this.#drop();
      this.#into.append(fragment(done));
      this.#settled += done.reduce((length, token) => length + token.raw.length, 0);
      const open = fragment(tokens.slice(done.length));
      this.#live = [...open.childNodes];
      this.#into.append(open);
      return true;
    } catch {
      return false; // nested too deeply
    }
  }

  #showPlain(text) {
    this.#drop();
    const block = document.createElement('div');
    block.className = 'plain';
    this.#plain = document.createTextNode(text);
    block.append(this.#plain);
    this.#into.append(block);
  }

  #drop() {
    this.#live.forEach((node) => node.remove());
    this.#live = [];
  }
}

/** The index of the block that can still grow: the last, or a list before what may be its next item. */
function firstOpen(tokens) {
  const last = lastBlock(tokens);
  const list = BULLET.test(tokens[last]?.raw) ? lastBlock(tokens.slice(0, last)) : -1;
  return Math.max(0, tokens[list]?.type === 'list' ? list : last);
}

function lastBlock(tokens) {
  return tokens.findLastIndex((token) => token.type !== 'space');
}

function isTooLong(block) {
  return block.length > (/^ {0,3}(```|~~~)/.test(block) ? LONGEST_CODE : LONGEST_BLOCK);
}

function fragment(tokens) {
  return tokens.length === 0
    ? document.createDocumentFragment()
    : DOMPurify.sanitize(marked.parser(tokens), ALLOWED);
}
