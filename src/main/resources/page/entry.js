/** An entry that cannot be sent; the message says why. */
export class InvalidEntry extends Error {
  constructor(control, message) {
    super(message);
    this.control = control;
  }
}

/** The JSON object in a control. */
export function parse(control) {
  let value;
  try {
    value = JSON.parse(control.value);
  } catch (failure) {
    throw new InvalidEntry(control, `Not JSON: ${failure.message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new InvalidEntry(control, 'A JSON Schema is an object: { … }');
  }
  return value;
}

/** Shows at a control what is wrong with it. */
export function markInvalid(control, message) {
  markValid(control);
  const note = document.createElement('p');
  note.className = 'invalid';
  note.id = `${control.id}-error`;
  note.textContent = message;
  control.after(note);
  control.setAttribute('aria-invalid', 'true');
  control.setAttribute('aria-describedby', note.id);
}

/** Takes that back. */
export function markValid(control) {
  if (control.hasAttribute('aria-invalid')) {
    document.getElementById(`${control.id}-error`)?.remove();
    control.removeAttribute('aria-invalid');
    control.removeAttribute('aria-describedby');
  }
}
