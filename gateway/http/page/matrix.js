// The size matrices: one table for each style, a row for each colour, a column for each size.

import { counted, element, setText } from "./nodes.js";
import { stateOf, titleOf, toSell } from "./stock.js";

const WORDS = { out: "out", refill: "refill", last: "last", fine: "" };
const SPOKEN = { out: "sold out", refill: "to refill from the back", last: "last unit", fine: "" };

/** A dot in the colour, when the browser knows a colour of that name; names as "dark green" are tried without blanks. */
function swatch(colour) {
  const name = colour.toLowerCase().replaceAll(/[\s-]/g, "");
  if (!/^[a-z]+$/.test(name) || !CSS.supports("color", name)) return "";
  const dot = element("span", "swatch", { "aria-hidden": "true" });
  dot.style.setProperty("background-color", name);
  return dot;
}

function spoken(cell) {
  const parts = [`${cell.on_hand} in the store`, `${cell.floor} on the floor`, `${cell.back} in the back`];
  if (cell.other > 0) parts.push(`${cell.other} in fitting rooms, at the checkout or without a tag`);
  if (SPOKEN[stateOf(cell)]) parts.push(SPOKEN[stateOf(cell)]);
  if (cell.atp < cell.on_hand) parts.push(toSell(cell));
  if (cell.status !== "live") parts.push("not being read now");
  return parts.join(", ");
}

class CellView {
  constructor(cell) {
    this.cell = cell;
    this.total = element("b", "total", { "aria-hidden": "true" });
    this.mark = element("span", "mark", { "aria-hidden": "true" });
    this.floor = element("span", "floor");
    this.back = element("span", "back");
    this.other = element("span", "other");
    this.spoken = element("span", "vh");
    const split = element("span", "split", { "aria-hidden": "true" }, this.floor, this.back, this.other);
    this.node = element("td", "cell", { "data-gtin": cell.gtin },
      element("div", "inner", {}, this.total, split, this.mark, this.spoken));
    this.update();
  }

  update() {
    const cell = this.cell;
    const state = stateOf(cell);
    this.node.dataset.state = state;
    this.node.dataset.status = cell.status;
    this.node.title = `${cell.title} ${cell.colour} ${cell.size}\n${Object.entries(cell.zones).map(([zone, units]) => `${zone} ${units}`).join(", ") || "nowhere"}\n${toSell(cell)} · GTIN ${cell.gtin}`;
    setText(this.total, `${cell.status === "live" ? "" : "~"}${cell.on_hand}`);
    setText(this.mark, WORDS[state]);
    setText(this.floor, `F${cell.floor}`);
    setText(this.back, `B${cell.back}`);
    setText(this.other, cell.other > 0 ? `+${cell.other}` : "");
    setText(this.spoken, spoken(cell));
  }

  flash() {
    this.node.classList.remove("changed");
    void this.node.offsetWidth; // restarts the animation
    this.node.classList.add("changed");
  }
}

class RowView {
  constructor(style, row, stock, views) {
    this.cells = row.cells.map((cell) => stock.cells.get(cell.gtin));
    this.text = [style.style, style.description, style.department, row.colour, ...this.cells.map((cell) => cell.gtin)].join("\n").toLowerCase();
    this.sum = element("td", "sum-cell");
    this.node = element("tr", "", {}, element("th", "colour", { scope: "row" }, swatch(row.colour), row.label));
    const bySize = new Map(this.cells.map((cell) => [cell.size, cell]));
    for (const size of style.sizes) {
      const found = bySize.get(size);
      if (found === undefined) {
        this.node.append(element("td", "none", {}, element("span", "vh", {}, "not in this colour"), element("span", "", { "aria-hidden": "true" }, "·")));
        continue;
      }
      const view = new CellView(found);
      views.set(found.gtin, view);
      view.row = this;
      this.node.append(view.node);
    }
    this.node.append(this.sum);
    this.update();
  }

  update() {
    setText(this.sum, String(this.cells.reduce((sum, cell) => sum + cell.on_hand, 0)));
  }

  matches(words, state) {
    return words.every((word) => this.text.includes(word)) && (state === "" || this.cells.some((cell) => stateOf(cell) === state));
  }
}

export class MatrixView {
  constructor(root) {
    this.root = root;
    this.views = new Map();
    this.styles = [];
  }

  /** Draw all styles of a stock anew. */
  draw(stock) {
    this.views = new Map();
    this.styles = stock.styles.map((style) => this.#style(style, stock));
    this.root.replaceChildren(...this.styles.map((style) => style.node));
  }

  #style(style, stock) {
    const rows = style.colours.map((row) => new RowView(style, row, stock, this.views));
    const head = element("tr", "", {}, element("th", "colour", { scope: "col" }, "Colour"));
    for (const size of style.sizes) head.append(element("th", "", { scope: "col" }, size));
    head.append(element("th", "sum-cell", { scope: "col" }, "Sum"));
    const table = element("table", "sizes", {},
      element("caption", "vh", {}, `${titleOf(style)}: units by colour and size`),
      element("thead", "", {}, head), element("tbody", "", {}, ...rows.map((row) => row.node)));
    table.style.setProperty("--sizes", String(style.sizes.length));
    const sum = element("span", "style-sum");
    const title = titleOf(style);
    const about = [style.style, style.department].filter((text) => text && text !== title).join(" · ");
    const node = element("article", "style", {},
      element("header", "", {}, element("h3", "", {}, title), element("p", "", {}, about), sum),
      element("div", "wide", { tabindex: "0", role: "region", "aria-label": `${title}, sizes` }, table));
    const view = { node, rows, sum };
    for (const row of rows) row.style = view;
    updateSum(view);
    return view;
  }

  /** Redraw one cell and the sums above it. */
  update(cell, flash) {
    const view = this.views.get(cell.gtin);
    if (view === undefined) return;
    view.update();
    view.row.update();
    updateSum(view.row.style);
    if (flash) view.flash();
  }

  /** Show only rows with all words of `search` and a cell in `state`. Returns the number of styles that are left. */
  filter(search, state) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const style of this.styles) {
      let any = false;
      for (const row of style.rows) {
        const matches = row.matches(words, state);
        row.node.hidden = !matches;
        any ||= matches;
      }
      style.node.hidden = !any;
      if (any) shown += 1;
    }
    return shown;
  }
}

function updateSum(style) {
  const units = style.rows.reduce((sum, row) => sum + row.cells.reduce((of, cell) => of + cell.on_hand, 0), 0);
  setText(style.sum, counted(units, "unit"));
}
