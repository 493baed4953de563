// Who acts: the name that a person gave on this device, else the device's own. Kept on the device, sent with every act.

const KEY = "lastunit-person";
const NAMES_MAX = 5; // of earlier names of this device: their tasks are one's own until they are given back
const NAME_MAX_CHARS = 64;

export class Person {
  constructor(storage = localStorage) {
    this.storage = storage;
    this.device = "Screen";
    this.names = this.#read();
  }

  /** What the person is called now; empty when nobody said. */
  get name() {
    return this.names[0] ?? "";
  }

  set name(text) {
    const name = text.replaceAll(/[\u0000-\u001f\u007f]/g, "").trim().slice(0, NAME_MAX_CHARS);
    this.names = (name === "" ? [] : [name, ...this.names.filter((other) => other !== name)]).slice(0, NAMES_MAX);
    try {
      this.storage.setItem(KEY, JSON.stringify(this.names));
    } catch {
      // a browser that keeps nothing: the name holds until the page is loaded again
    }
  }

  /** Whether a claim is of somebody at this device. */
  is(claimedBy) {
    return claimedBy === this.device || this.names.includes(claimedBy);
  }

  /** The name to act with: that of the claim, when it is one's own. */
  nameFor(task) {
    return task.state === "claimed" && this.is(task.claimed_by) ? task.claimed_by : this.name || this.device;
  }

  #read() {
    try {
      const kept = JSON.parse(this.storage.getItem(KEY) ?? "[]");
      return Array.isArray(kept) ? kept.filter((name) => typeof name === "string").slice(0, NAMES_MAX) : [];
    } catch {
      return [];
    }
  }
}
