// What a person does to a task: take it, done, cannot, give back. Nothing is pretended: the list changes when the gateway
// has answered, and without a connection nothing is sent.

import { openItems, titleOf } from "./board.js";
import { choose } from "./sheet.js";
import { KINDS, refusal, serialOf, shortSerial, sureness, zoneName } from "./words.js";

const DONE_SAID = {
  refill: "Brought. The readers check it.", pick: "Picked.", pack: "Packed.", hand_over: "Handed over.", put_back: "Put back.",
  find: "Found.", check: "Checked.",
};
const GIVE_BACK = ["release", "Give it back", "Somebody else does it"];

/** Answers to "what is wrong", by the kind of task. */
function wrongs(task) {
  if (task.kind === "refill") return [["not_found", "Not found", "It is not where it should be"], ["damaged", "Damaged"], ["other", "Something else"], GIVE_BACK];
  if (task.kind === "hand_over") return [["not_collected", "Nobody came", "The order is over, the goods go back"], ["not_found", "An item is missing"], ["damaged", "An item is damaged"], GIVE_BACK];
  if (task.kind === "pick" || task.kind === "pack") return [["not_found", "Not found", "The next best one is named at once"], ["damaged", "Damaged", "The next best one is named at once"], GIVE_BACK];
  return [["not_found", "Not found"], ["other", "Something else"], GIVE_BACK];
}

const QUIET_MS = 700; // a gloved finger presses twice: the second press must fall neither on the next step nor on the next card
const OF_AN_ITEM = new Set(["not_found", "damaged"]);
const OF_ORDERS = new Set(["pick", "pack", "hand_over"]);

export class Acts {
  /** `person` knows whose tasks are one's own; `say` speaks, `link` knows whether there is a connection. */
  constructor({ api, board, person, say, link }) {
    Object.assign(this, { api, board, person, say, link });
    this.quietUntil = 0;
  }

  isMine(task) {
    return task.state === "claimed" && this.person.is(task.claimed_by);
  }

  isOther(task) {
    return task.state === "claimed" && !this.person.is(task.claimed_by);
  }

  /** Whether a press is only the echo of the one before. */
  get echo() {
    return performance.now() < this.quietUntil;
  }

  claim(task, card) {
    return this.#send(task, card, "claim", {}, () => `Yours: ${titleOf(task)}`);
  }

  done(task, card, said) {
    return this.#send(task, card, "done", said, (now) => {
      if (now.state === "done" || now.state === "closed") return DONE_SAID[task.kind] ?? "Done.";
      return "Noted. The rest is still to be done.";
    });
  }

  /** Ask what is wrong, and with which item; then say so. */
  async cannot(task, card) {
    if (!this.#reachable()) return;
    const what = await choose(titleOf(task), wrongs(task));
    if (what === null) return;
    if (what === "release") {
      await this.#send(task, card, "release", {}, () => "Given back.");
      return;
    }
    const said = { reason: what };
    if (OF_AN_ITEM.has(what) && OF_ORDERS.has(task.kind)) {
      const item = await this.#which(task, card);
      if (item === undefined) return;
      if (item === null) said.version = task.version; // units without tags have no name
      else said.item = item;
    }
    await this.#send(task, card, "cannot", said, (now) => this.#next(task, now));
  }

  /** The item that is meant: undefined when nobody chose, null for a unit without a tag. */
  async #which(task, card) {
    const items = openItems(task).filter((item) => !card.ticks.has(item.digital_link));
    const answers = items.map((item) => [
      item.digital_link,
      `${item.line.size || ""} ${zoneName(item.zone)}`.trim(),
      `item ${shortSerial(serialOf(item.digital_link))}`,
    ]);
    if (task.lines.some((line) => line.untagged > 0)) answers.push(["", "One without a tag"]);
    if (answers.length === 0) return null;
    const chosen = answers.length === 1 ? answers[0][0] : await choose("Which one?", answers);
    return chosen === null ? undefined : chosen || null;
  }

  /** What follows from a miss: the next best item, or that there is none. */
  #next(task, now) {
    const before = new Set(openItems(task).map((item) => item.digital_link));
    const next = openItems(now).find((item) => !before.has(item.digital_link));
    if (next !== undefined) return `Next best: ${zoneName(next.zone)}, ${sureness(next.confidence).word.toLowerCase()}.`;
    if (!OF_ORDERS.has(task.kind) || now.reason === "not_collected") return "Noted.";
    return "No other one in this store. The order has been told.";
  }

  #reachable() {
    if (this.link.live) return true;
    this.say.aloud("Not sent: there is no connection.");
    return false;
  }

  async #send(task, card, verb, body, words) {
    if (!this.#reachable()) return;
    card.busy(true);
    try {
      const now = await this.api.post(`/v1/tasks/${encodeURIComponent(task.id)}:${verb}`, { who: this.person.nameFor(task), ...body });
      if (verb === "done") card.ticks.clear();
      if (body.item) card.ticks.delete(body.item);
      card.quantity = null;
      card.busy(false);
      this.quietUntil = performance.now() + QUIET_MS;
      this.board.put(now);
      this.say.shortly(words(now));
    } catch (error) {
      card.busy(false, `${KINDS[task.kind]}: ${refusal(error)}`);
      if (error.code === "unknown-task") this.board.take("gone", { id: task.id });
    }
  }
}
