/** The turns so far: what the user said, and answers. */
export class Conversation {
  turns = [];

  get last() {
    return this.turns.at(-1);
  }

  add(turn) {
    this.turns.push(turn);
    return turn;
  }

  /** Forgets a turn and all after it. */
  cutAt(turn) {
    const index = this.turns.indexOf(turn);
    if (index >= 0) {
      this.turns.length = index;
    }
  }

  /** The turns as messages of the API. Answers that came to nothing are left out. */
  messages(system) {
    const before = system.trim() ? [{ role: 'system', content: system }] : [];
    return before.concat(this.turns.flatMap(messagesOf));
  }
}

function messagesOf(turn) {
  if (turn.role === 'user') {
    return [{ role: 'user', content: turn.text }];
  }
  if (turn.answered) {
    return [{ role: 'assistant', content: turn.text || null, tool_calls: turn.calls.map(toolCall) },
      ...turn.calls.map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: result }))];
  }
  return turn.text ? [{ role: 'assistant', content: turn.text }] : [];
}

function toolCall({ id, name, arguments: given }) {
  return { id, type: 'function', function: { name, arguments: given } };
}
