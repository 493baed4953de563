// The newest movements: "Harbour Jacket navy M  BACK -> FLOOR_A, 3 s ago".

import { ago } from "./ages.js";
import { element, setText } from "./nodes.js";

const SHOWN = 60; // what a person scrolls through; the rest is in the API
const PLACES = { OUT: "outside" };

function place(name) {
  return PLACES[name] ?? name;
}

function decidedMs(line) {
  return Date.parse(line.querySelector("time").dateTime);
}

export class FeedView {
  constructor(root) {
    this.root = root;
    this.paused = false;
    this.waiting = [];
    this.label = () => null;
  }

  /** Begin anew for a site; `label` names a GTIN, or returns null. */
  reset(label, movements) {
    this.label = label;
    this.waiting = [];
    this.root.replaceChildren();
    for (const move of [...movements].reverse()) { // the oldest first: of two at one instant the later told is on top
      const line = this.#line(move);
      if (line !== null) this.#place(line);
    }
  }

  /** Put movements of an event on top. */
  add(gtin, moves) {
    const lines = moves.map((move) => ({ ...move, gtin }));
    if (this.paused) {
      this.waiting = [...this.waiting, ...lines].slice(-SHOWN);
      return;
    }
    for (const move of lines) {
      const line = this.#line(move);
      if (line === null) continue;
      line.classList.add("fresh");
      this.#place(line);
    }
    while (this.root.children.length > SHOWN) this.root.lastElementChild.remove();
  }

  /** Hold new movements back, or let them in. */
  pause(paused) {
    this.paused = paused;
    if (paused) return;
    const held = this.waiting;
    this.waiting = [];
    for (const move of held) this.add(move.gtin, [move]);
  }

  /** Write the ages again. */
  tick() {
    for (const age of this.root.querySelectorAll("time")) setText(age, ago(age.dateTime));
  }

  /** Put a line where its decision belongs: the newest on top, though events of several SKUs come in any order. */
  #place(line) {
    const at = decidedMs(line);
    let below = this.root.firstElementChild;
    while (below !== null && decidedMs(below) > at) below = below.nextElementSibling;
    this.root.insertBefore(line, below);
  }

  #line(move) {
    const name = this.label(move.gtin);
    if (name === null) return null;
    const decided = move.decided_at || move.happened_at; // the order of the feed; what happened may lie further back
    const age = element("time", "", { datetime: decided, "aria-hidden": "true", title: `happened ${ago(move.happened_at)}` }, ago(decided));
    return element("li", "", { "data-way": move.to === "OUT" ? "out" : move.from === "OUT" ? "in" : "move" },
      element("span", "what", {}, name),
      element("span", "way", {}, place(move.from), element("span", "vh", {}, " to "), element("span", "arrow", { "aria-hidden": "true" }, "→"), place(move.to)),
      age);
  }
}
