/**
 * A new element. Properties are set as attributes, `on…` functions as listeners; children are
 * elements or text, which is never read as HTML.
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') {
      made.addEventListener(name.slice(2), value);
    } else if (value === true) {
      made.setAttribute(name, '');
    } else if (value !== false && value != null) {
      made.setAttribute(name, value);
    }
  }
  made.append(...children);
  return made;
}

let ids = 0;

/** A label and its control, tied together. */
export function labelled(text, control, ...more) {
  control.id ||= `field-${++ids}`;
  return element('div', { class: 'field' },
      element('label', { for: control.id }, text), control, ...more);
}
