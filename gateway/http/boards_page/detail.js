// One figure from near: what it is, what to do, how it went, and where it stands by department, zone, device.

import { element } from "/page/nodes.js";
import { SPANS, series } from "./ask.js";
import { LineChart, strips } from "./chart.js";
import { newest } from "./scale.js";
import { levelMark } from "./tiles.js";
import { figureText, tagName, tagText, valueText } from "./words.js";

const PLACES = {
  refill: (site) => [`/store/${site}#refill`, "Open the refill list"],
  orders: (site) => [`/store/${site}#orders`, "Open the orders"],
  loss: (site) => [`/store/${site}#alerts`, "Open the alarms"],
  stock: (site) => [`/#site=${site}`, "Open the sizes"],
};
const ROWS_MAX = 50;

export class DetailView {
  /** `closed(id)` is called when the reader is done with a figure. */
  constructor(dialog, closed) {
    this.dialog = dialog;
    this.span = SPANS[1];
    this.turn = 0;
    dialog.addEventListener("close", () => {
      this.turn += 1;
      const { id } = this.figure;
      this.figure = null;
      closed(id);
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    this.figure = null;
  }

  /** Open on a figure of a store; without one, of all stores. */
  open(figure, site, storeName) {
    this.figure = figure;
    this.site = site;
    this.value = element("p", "detail-value");
    this.body = element("div", "detail-body");
    const close = element("button", "square", { type: "button", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.dialog.close());
    this.spans = element("div", "filters", { role: "group", "aria-label": "Time" });
    for (const span of SPANS) {
      const button = element("button", "", { type: "button", "aria-pressed": String(span === this.span) }, span.text);
      button.addEventListener("click", () => {
        this.span = span;
        for (const other of this.spans.children) other.setAttribute("aria-pressed", String(other === button));
        this.load();
      });
      this.spans.append(button);
    }
    this.dialog.replaceChildren(
      element("header", "detail-head", {}, element("h2", "", { id: "detail-title" }, figure.title), element("p", "detail-store", {}, storeName), close),
      this.value, element("p", "detail-said", {}, figure.said), this.#todo(figure, site), this.spans, this.body);
    this.show(figure);
    if (!this.dialog.open) this.dialog.showModal();
    this.load();
  }

  /** The figure has a new value. */
  show(figure) {
    const key = `${figure.level} ${figureText(figure)}`;
    if (this.value.dataset.key === key) return;
    this.value.dataset.key = key;
    this.value.replaceChildren(levelMark(figure.level), element("b", "", {}, figureText(figure)));
  }

  #todo(figure, site) {
    const node = element("p", "detail-todo", {}, element("b", "", {}, "What to do: "), figure.todo);
    const place = site && PLACES[figure.group];
    if (place) {
      const [address, words] = place(encodeURIComponent(site));
      node.append(" ", element("a", "", { href: address }, words));
    }
    return node;
  }

  /** Ask how it went, and draw that. */
  async load() {
    const turn = (this.turn += 1);
    const { figure, site, span } = this;
    let told;
    try {
      told = await series(figure.detail, span, site);
    } catch (error) {
      if (turn === this.turn) this.body.replaceChildren(element("p", "chart-rest", {}, why(error)));
      return;
    }
    if (turn !== this.turn) return;
    const lines = told.lines.map(({ tags, values }) => ({ tags, values, name: Object.values(tags).map(tagText).join(", "), newest: newest(values) }));
    if (lines.length === 0) {
      this.body.replaceChildren(element("p", "chart-rest", {}, "Nothing in this time."));
      return;
    }
    const state = Object.keys(told.words).length > 0;
    const sorted = lines.sort((a, b) => order(a, figure.more || state) - order(b, figure.more || state));
    if (state) this.body.replaceChildren(strips({ ...told, lines: sorted.slice(0, ROWS_MAX) }), this.#table(sorted, told));
    else {
      const chart = new LineChart(figure.title);
      this.body.replaceChildren(chart.node, this.#table(sorted, told));
      chart.draw({ ...told, lines: sorted, levels: figure.detail.by === "site" || sorted.length === 1 ? figure : null });
    }
  }

  #table(lines, { unit, words }) {
    const tags = Object.keys(lines[0].tags);
    const total = this.figure.detail.fold === "sum" && unit !== "share";
    const head = [...tags.map(tagName), "Now"].map((text) => element("th", "", { scope: "col" }, text));
    const rows = lines.slice(0, ROWS_MAX).map((line) => {
      const said = line.newest === null ? "not known" : words[line.newest] ?? valueText(line.newest, unit);
      return element("tr", "", {}, ...tags.map((tag, index) => element(index === 0 ? "th" : "td", "", index === 0 ? { scope: "row" } : {}, tagText(line.tags[tag]))),
        element("td", "number", { "data-worst": String(words[line.newest] !== undefined && line.newest === 0) }, said));
    });
    return element("table", "detail-table", {}, element("caption", "vh", {}, `${this.figure.title} by ${tags.map(tagName).join(" and ").toLowerCase()}${total ? "" : ", now"}`),
      element("thead", "", {}, element("tr", "", {}, ...head)), element("tbody", "", {}, ...rows));
  }
}

function order(line, lowFirst) {
  if (line.newest === null) return Number.POSITIVE_INFINITY;
  return lowFirst ? line.newest : -line.newest;
}

/** Why there are no lines. */
export function why(error) {
  return error.status === 400 ? "Too much for all stores together: choose a store." : "Not known: the gateway does not answer.";
}
