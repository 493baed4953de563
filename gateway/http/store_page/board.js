// The tasks of the site as they are now: what the stream said last of each. No elements here.

import { nameOf } from "./words.js";

const OVER = new Set(["done", "cannot", "closed"]);

export class Board {
  /** `changed()` after each change; `fresh(tasks)` names those that came while somebody was looking. */
  constructor({ changed, fresh }) {
    this.changed = changed;
    this.fresh = fresh;
    this.tasks = new Map();
    this.ready = false;
    this.seen = null; // while a stream says all of them: those that it said
    this.over = new Map(); // id -> version: ended by our own act, before the stream says so
  }

  /** A stream begins: it will say all tasks, then `ready`. */
  begin() {
    this.seen = new Set();
  }

  /** Take an event of the stream. */
  take(name, body) {
    if (name === "task") this.put(body, true);
    else if (name === "gone") this.#gone(body.id);
    else if (name === "ready") this.#said();
  }

  /** Take a task as an answer or an event gives it; an older one than what is here is passed over. */
  put(task, streamed = false) {
    if (streamed) this.seen?.add(task.id);
    const had = this.tasks.get(task.id);
    if (had !== undefined && task.version < had.version) return;
    if (OVER.has(task.state)) {
      this.over.set(task.id, task.version);
      this.tasks.delete(task.id);
      this.changed();
      return;
    }
    if ((this.over.get(task.id) ?? -1) >= task.version) return;
    this.over.delete(task.id);
    this.tasks.set(task.id, task);
    if (had === undefined && streamed && this.seen === null && this.ready) this.fresh([task]);
    this.changed();
  }

  /** Tasks of these kinds in the order of doing. */
  inOrder(kinds) {
    return [...this.tasks.values()].filter((task) => kinds.has(task.kind)).sort((a, b) => (a.sort < b.sort ? -1 : 1));
  }

  /** Tasks that want a product; those that name the very item first, then this person's own. */
  wanting(gtin, link, isMine) {
    const rank = (task) => (task.lines.some((line) => line.items.some((item) => item.digital_link === link)) ? 0 : 2) + (isMine(task) ? 0 : 1);
    return [...this.tasks.values()]
      .filter((task) => task.lines.some((line) => line.gtin === gtin))
      .sort((a, b) => rank(a) - rank(b) || (a.sort < b.sort ? -1 : 1));
  }

  #gone(id) {
    this.tasks.delete(id);
    this.over.delete(id);
    this.changed();
  }

  #said() {
    const seen = this.seen ?? new Set();
    for (const id of [...this.tasks.keys()]) if (!seen.has(id)) this.tasks.delete(id);
    const came = this.ready ? [...seen].filter((id) => !this.known.has(id)).map((id) => this.tasks.get(id)).filter(Boolean) : [];
    this.seen = null;
    this.ready = true;
    if (came.length > 0) this.fresh(came);
    this.changed();
  }

  /** Ids before the stream began again: what is new since was not seen by anybody. */
  get known() {
    return this.before ?? new Set();
  }

  /** The connection broke: remember what was known. */
  broke() {
    this.before = new Set(this.tasks.keys());
  }
}

/** What a task is about, in one line. */
export function titleOf(task) {
  const [line] = task.lines;
  if (line === undefined) return "Order";
  const more = task.lines.length > 1 ? ` and ${task.lines.length - 1} more` : "";
  return [nameOf(line), line.colour, line.size].filter(Boolean).join(" ") + more;
}

/** Items of a task, each with its line. */
export function itemsOf(task) {
  return task.lines.flatMap((line) => line.items.map((item) => ({ ...item, line })));
}

/** The items that a person still has to take: those not picked, when it is a pick. */
export function openItems(task) {
  return itemsOf(task).filter((item) => task.kind !== "pick" || !item.picked);
}
