// A list of tasks in groups, as the view says. Nothing moves under a finger that is down, and what was taken stays in place.

import { TaskCard } from "./card.js";
import { arrange, element, keepingFocus, setText, show } from "./nodes.js";
import { counted } from "./words.js";

const FRESH_MS = 4_000;
const MINE = "/mine"; // no department has a slash in front

export class TaskList {
  /** `groupOf(task)` gives [key, heading]; `count(tasks)` the words behind a heading; `empty` what an empty list says. */
  constructor(root, { id, title, kinds, groupOf, count, empty, acts }) {
    this.root = root;
    this.kinds = new Set(kinds);
    this.groupOf = groupOf;
    this.countWords = count;
    this.acts = acts;
    this.cards = new Map();
    this.groups = new Map();
    this.holding = false;
    this.title = element("h2", "view-title", { id: `${id}-title`, tabindex: "-1" }, title);
    this.sum = element("p", "view-sum");
    this.filter = element("div", "chips", { role: "group", "aria-label": `${title}: show` });
    this.body = element("div", "groups");
    this.nothing = element("p", "nothing");
    this.empty = empty;
    root.replaceChildren(element("header", "view-head", {}, this.title, this.sum), this.filter, this.nothing, this.body);
    this.#holdStill();
  }

  /** Draw the tasks of a board; `ready` is false until all of them were said once. */
  draw(board) {
    this.board = board;
    if (this.holding) return;
    const tasks = board.inOrder(this.kinds);
    this.total = tasks.length;
    this.late = tasks.filter((task) => task.urgency === "overdue").length;
    const shown = this.#chosen(tasks);
    keepingFocus(this.root, () => this.#arrange(shown), this.title);
    show(this.nothing, shown.length === 0);
    setText(this.nothing, !board.ready ? "Loading …" : this.chosen === MINE ? "You have taken none." : this.empty);
    setText(this.sum, tasks.length === 0 ? "" : this.countWords(tasks));
    for (const id of [...this.cards.keys()]) if (!board.tasks.has(id)) this.cards.delete(id);
  }

  /** The clock went on. */
  tick() {
    for (const card of this.cards.values()) card.tick();
  }

  card(id) {
    return this.cards.get(id);
  }

  /** Let a task stand out for a moment: it came just now. */
  flash(id) {
    const node = this.cards.get(id)?.node;
    if (node === undefined) return;
    node.dataset.fresh = "";
    setTimeout(() => delete node.dataset.fresh, FRESH_MS);
  }

  /** Show only a part: all, one's own, or one department. What was taken stays where it is: nothing moves under a finger. */
  choices(departments, chosen, choose) {
    const wanted = [["", "All"], [MINE, "Yours"], ...(departments.length > 1 ? departments.map((name) => [name, name.charAt(0).toUpperCase() + name.slice(1)]) : [])];
    this.chosen = wanted.some(([value]) => value === chosen) ? chosen : "";
    const names = wanted.map(([value]) => value).join("\n");
    if (this.filter.dataset.names !== names) {
      this.filter.dataset.names = names;
      this.filter.replaceChildren(...wanted.map(([value, words]) => {
        const chip = element("button", "chip", { type: "button", "data-value": value }, words);
        chip.addEventListener("click", () => choose(value));
        return chip;
      }));
    }
    for (const chip of this.filter.children) chip.setAttribute("aria-pressed", String(chip.dataset.value === this.chosen));
  }

  #chosen(tasks) {
    if (this.chosen === MINE) return tasks.filter((task) => this.acts.isMine(task));
    return this.chosen ? tasks.filter((task) => task.department === this.chosen) : tasks;
  }

  #arrange(tasks) {
    const wanted = new Map();
    for (const task of tasks) {
      const [key, heading] = this.groupOf(task);
      const found = wanted.get(key) ?? { heading, tasks: [] };
      found.tasks.push(task);
      wanted.set(key, found);
    }
    arrange(this.body, [...wanted].map(([key, group]) => this.#group(key, group)));
  }

  #group(key, { heading, tasks }) {
    let group = this.groups.get(key);
    if (group === undefined) {
      const id = `g-${this.title.id}-${key.replaceAll(/\W/g, "_")}`;
      const title = element("h3", "group-title", { id });
      const count = element("span", "group-count");
      const list = element("ul", "cards", { "aria-labelledby": id });
      const node = element("section", "group", { "data-group": key }, element("header", "group-head", {}, title, count), list);
      group = { node, title, count, list };
      this.groups.set(key, group);
    }
    setText(group.title, heading);
    setText(group.count, counted(tasks.length, "task"));
    arrange(group.list, tasks.map((task) => this.#card(task)));
    return group.node;
  }

  #card(task) {
    const had = this.cards.get(task.id);
    if (had === undefined) {
      const made = new TaskCard(task, this.acts);
      this.cards.set(task.id, made);
      return made.node;
    }
    had.update(task);
    return had.node;
  }

  #holdStill() {
    const letGo = () => {
      if (!this.holding) return;
      setTimeout(() => {
        this.holding = false;
        if (this.board !== undefined) this.draw(this.board);
      }, 50); // after the click that the finger makes
    };
    this.root.addEventListener("pointerdown", () => {
      this.holding = true;
    });
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, letGo);
  }
}
