// One task as a card: what, where, until when, and the next thing to press. Its node and buttons stay the same while the
// task changes, so that focus and a finger stay where they are.

import { itemsOf, titleOf } from "./board.js";
import { icon } from "./icons.js";
import { button, element, setText, show, swatch } from "./nodes.js";
import { DONE, KINDS, MODES, nameOf, serialOf, shortSerial, span, sureness, timeLeft, zoneName } from "./words.js";
import { secondsSince } from "./clock.js";

const ITEMS_SHOWN = 4;

/** What a card shows of its task, as text: a card whose text is the same is not drawn again. */
function shownOf(task, ticks) {
  return JSON.stringify([task.version, task.state, task.claimed_by, task.urgency, task.due_at, task.quantity, task.lines, task.from_zone, task.to_zone, task.mode, task.reopened, [...ticks]]);
}

/** Zones that a person goes to for this task, in the order of its items. */
function zonesOf(task) {
  const found = itemsOf(task).filter((item) => task.kind !== "pick" || !item.picked).map((item) => item.zone).filter(Boolean);
  return [...new Set(found.length > 0 ? found : [task.from_zone].filter(Boolean))];
}

/** Units that are still to be taken. */
function leftOf(task) {
  if (task.kind !== "pick") return task.quantity;
  return task.lines.reduce((sum, line) => sum + line.untagged + line.items.filter((item) => !item.picked).length, 0) || task.quantity;
}

export class TaskCard {
  /** `acts`: see `acts.js`. */
  constructor(task, acts) {
    this.acts = acts;
    this.ticks = new Set();
    this.quantity = null; // of a refill: what a person counted, when it is not all
    this.drawn = "";
    this.#build(task);
    this.update(task);
  }

  #build(task) {
    this.size = element("span", "size-text");
    this.times = element("span", "size-times");
    this.title = element("h4", "card-title", { id: `t-${task.id}` });
    this.colour = element("p", "card-colour");
    this.way = element("p", "card-way");
    this.due = element("p", "due");
    this.lines = element("ul", "items");
    this.note = element("p", "card-note");
    this.error = element("p", "card-error", { role: "alert" });
    this.less = button("step", "−");
    this.more = button("step", "+");
    this.count = element("output", "step-count");
    this.stepper = element("div", "stepper", { role: "group", "aria-label": "How many were brought" }, this.less, this.count, this.more);
    this.first = button("act first");
    this.second = button("act second");
    this.buttons = element("div", "acts", {}, this.first, this.second);
    this.node = element("li", "card", { "data-key": task.id, "data-kind": task.kind },
      element("article", "card-inner", { "aria-labelledby": `t-${task.id}` },
        element("div", "card-head", {},
          element("div", "size", {}, this.size, this.times),
          element("div", "card-words", {}, this.title, element("div", "card-line", {}, this.colour, this.due), this.way)),
        this.lines, this.note, this.error, this.stepper, this.buttons));
    this.first.addEventListener("click", () => this.#press(this.first));
    this.second.addEventListener("click", () => this.#press(this.second));
    this.less.addEventListener("click", () => this.#step(-1));
    this.more.addEventListener("click", () => this.#step(+1));
  }

  /** Show what the task is now. */
  update(task) {
    this.task = task;
    const text = shownOf(task, this.ticks) + this.acts.isMine(task) + this.quantity;
    if (text !== this.drawn) {
      this.drawn = text;
      this.#draw();
    }
    this.tick();
  }

  /** The clock went on. */
  tick() {
    setText(this.due.lastElementChild ?? this.due, timeLeft(this.task.due_at));
  }

  /** An item was scanned for this task. Returns whether that is news. */
  scanned(link) {
    if (this.ticks.has(link)) return false;
    this.ticks.add(link);
    this.update(this.task);
    return true;
  }

  /** While an act is on its way nothing else can be pressed; afterwards `words` say why it was refused. */
  busy(waiting, words = "") {
    this.node.toggleAttribute("data-busy", waiting);
    for (const each of [this.first, this.second]) each.setAttribute("aria-disabled", String(waiting));
    if (waiting) setText(this.error, "");
    else setText(this.error, words);
  }

  #draw() {
    const { task } = this;
    const [line] = task.lines;
    const several = task.lines.length > 1;
    this.node.dataset.urgency = task.urgency;
    this.node.dataset.mine = String(this.acts.isMine(task));
    setText(this.size, several ? String(task.lines.length) : line?.size || "–");
    this.size.dataset.long = String((line?.size ?? "").length > 3 && !several);
    setText(this.times, several ? "products" : `× ${leftOf(task)}`);
    setText(this.title, line === undefined ? KINDS[task.kind] : several ? titleOf(task) : nameOf(line));
    this.colour.replaceChildren(...(several || !line?.colour ? [] : [swatch(line.colour), line.colour]));
    this.due.replaceChildren(icon(task.urgency === "overdue" ? "alerts" : "clock"), element("span"));
    this.#drawWay();
    this.#drawItems();
    this.#drawNote();
    this.#drawButtons();
  }

  #drawWay() {
    const { task } = this;
    const from = zonesOf(task).map(zoneName);
    const to = zoneName(task.to_zone);
    const parts = [icon("place"), element("span", "vh", {}, "Where: "), element("b", "", {}, from.slice(0, 2).join(", ") || "No zone known")];
    if (from.length > 2) parts.push(` and ${from.length - 2} more`);
    if (to && to !== from[0]) parts.push(element("span", "card-to", {}, icon("arrow"), element("span", "vh", {}, " to "), element("b", "", {}, to)));
    this.way.replaceChildren(...parts);
    show(this.way, (from.length > 0 || to !== "") && this.#listsNothing());
  }

  /** Whether no item is listed: a refill that nobody took, units without tags. */
  #listsNothing() {
    const { task } = this;
    return task.kind === "refill" || task.lines.every((line) => line.items.length === 0);
  }

  /** Where each item lies and how sure that is: for orders, and for several products each with its name. */
  #drawItems() {
    const { task } = this;
    if (task.kind === "refill" && !this.acts.isMine(task)) {
      this.lines.replaceChildren();
      return;
    }
    const rows = [];
    for (const line of task.lines) {
      if (task.lines.length > 1) rows.push(this.#product(line));
      const shown = line.items.slice(0, task.kind === "refill" ? ITEMS_SHOWN : line.items.length);
      for (const item of shown) rows.push(this.#item(item));
      if (line.items.length > shown.length) rows.push(element("li", "item more", {}, `and ${line.items.length - shown.length} more; any of this size will do`));
      if (line.untagged > 0) rows.push(element("li", "item", {}, element("span", "item-where", {}, `${line.untagged} without a tag: look on the shelf`)));
      if (line.substitution_needed > 0) rows.push(element("li", "item wanting", {}, icon("alerts"), element("span", "item-where", {}, `${line.substitution_needed} not to be had in this store`)));
    }
    for (const link of this.ticks) {
      if (!itemsOf(task).some((item) => item.digital_link === link)) rows.push(this.#item({ digital_link: link, zone: "", confidence: null, since: null, standIn: true }));
    }
    this.lines.replaceChildren(...rows);
  }

  #product(line) {
    return element("li", "item product", {}, element("b", "", {}, `${line.quantity} × ${line.size || ""}`.trim()), element("span", "", {}, [nameOf(line), line.colour].filter(Boolean).join(", ")));
  }

  #item(item) {
    const { task } = this;
    const ticked = item.picked || this.ticks.has(item.digital_link);
    const sure = sureness(item.confidence);
    const since = item.since ? `there for ${span(secondsSince(item.since))}` : "";
    const where = ticked ? (item.standIn ? "scanned instead" : "in hand") : zoneName(item.zone) || "place not known";
    const serial = shortSerial(serialOf(item.digital_link));
    const mark = element("span", "tickbox", { "aria-hidden": "true" });
    if (ticked) mark.append(icon("check"));
    const words = element("span", "item-where", {}, element("b", "", {}, where), ...(ticked || !since ? [] : [element("span", "soft", {}, since)]));
    const hint = ticked ? "" : element("span", `sure sure-${sure.level}`, {}, element("span", "meter", { "aria-hidden": "true" }), `${sure.word}, ${sure.text}`);
    const right = element("span", "item-hint", {}, hint, element("span", "serial", {}, `item ${serial}`));
    return element("li", "item", { "data-ticked": String(ticked) }, ...(task.kind === "pick" ? [mark] : []), words, right);
  }

  #drawNote() {
    const { task } = this;
    const notes = [];
    if (this.acts.isOther(task)) notes.push(`${task.claimed_by || "Somebody"} has it${task.claim_ends_at ? ` until ${new Date(task.claim_ends_at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}` : ""}`);
    if (task.reopened > 0) notes.push(task.kind === "refill" ? "Asked for again: the readers did not see it come" : "Asked for again");
    if (task.kind === "refill" && task.reason) notes.push(task.reason);
    if (MODES[task.mode]) notes.push(`Order …${task.reservation.slice(-4)}, ${MODES[task.mode]}`);
    setText(this.note, notes.join(" · "));
  }

  #drawButtons() {
    const { task } = this;
    const mine = this.acts.isMine(task);
    const brought = task.kind === "refill" && mine && task.quantity > 1;
    show(this.stepper, brought);
    if (brought) this.#drawCount();
    show(this.buttons, !this.acts.isOther(task));
    if (mine) {
      this.#label(this.first, "check", this.#doneWords(), "done");
      this.#label(this.second, "cross", "Can’t", "cannot");
    } else {
      this.#label(this.first, "pick", "Take", "claim");
      this.#label(this.second, "check", this.#doneWords(), "done");
    }
  }

  #doneWords() {
    const { task } = this;
    if (task.kind === "refill" && this.acts.isMine(task)) return `${DONE.refill} ${this.quantity ?? task.quantity}`;
    if (task.kind === "pick" && this.ticks.size > 0 && leftOf(task) > 1) return `Picked ${this.ticks.size} of ${leftOf(task)}`;
    return DONE[task.kind] ?? "Done";
  }

  #label(target, name, words, act) {
    if (target.dataset.act === act && target.textContent === words) return;
    target.dataset.act = act;
    target.replaceChildren(icon(name), element("span", "", {}, words));
    target.setAttribute("aria-describedby", `t-${this.task.id}`);
  }

  #step(by) {
    const most = this.task.quantity;
    this.quantity = Math.min(most, Math.max(0, (this.quantity ?? most) + by));
    if (this.quantity === most) this.quantity = null;
    this.update(this.task);
  }

  #drawCount() {
    const most = this.task.quantity;
    const now = this.quantity ?? most;
    setText(this.count, `${now} of ${most}`);
    this.less.setAttribute("aria-label", "One less");
    this.more.setAttribute("aria-label", "One more");
    this.less.setAttribute("aria-disabled", String(now === 0));
    this.more.setAttribute("aria-disabled", String(now === most));
  }

  #press(pressed) {
    if (this.node.hasAttribute("data-busy") || this.acts.echo) return;
    const { task } = this;
    if (pressed.dataset.act === "claim") this.acts.claim(task, this);
    else if (pressed.dataset.act === "cannot") this.acts.cannot(task, this);
    else this.acts.done(task, this, this.#said());
  }

  /** What is said with "done": the items that were scanned, or how many were brought. */
  #said() {
    const { task } = this;
    if (task.kind === "refill") return { quantity: this.quantity ?? task.quantity };
    return task.kind === "pick" && this.ticks.size > 0 ? { items: [...this.ticks] } : {};
  }
}
