// Which sizes are where: one block for each style, a row for each colour, a tile for each size.

import { Stock, stateOf, titleOf } from "/page/stock.js";
import { EventStream } from "./sse.js";
import { button, element, setText, show, swatch } from "./nodes.js";
import { counted } from "./words.js";

const STYLES_AT_ONCE = 40; // more are drawn when somebody asks: a chain's store has a thousand
const RELOAD_MS = 700;
const MARKS = { out: "sold out", refill: "in back", last: "last one", fine: "" };
const FILTERS = [["", "All"], ["refill", "In the back only"], ["last", "Last ones"], ["out", "Sold out"]];

function spoken(cell) {
  const parts = [`size ${cell.size || "none"}`, `${cell.floor} on the floor`, `${cell.back} in the back`];
  if (cell.other > 0) parts.push(`${cell.other} elsewhere in the store`);
  if (MARKS[stateOf(cell)]) parts.push(MARKS[stateOf(cell)]);
  if (cell.status !== "live") parts.push("nobody looks there now");
  return parts.join(", ");
}

class Tile {
  constructor(cell) {
    this.cell = cell;
    this.size = element("b", "tile-size", { "aria-hidden": "true" }, cell.size || "–");
    this.units = element("span", "tile-units", { "aria-hidden": "true" });
    this.mark = element("span", "tile-mark", { "aria-hidden": "true" });
    this.node = element("a", "tile", { href: `#find=${cell.gtin}`, "data-gtin": cell.gtin }, this.size, this.units, this.mark);
    this.update();
  }

  update() {
    const { cell } = this;
    const state = stateOf(cell);
    this.node.dataset.state = state;
    this.node.dataset.status = cell.status;
    this.node.setAttribute("aria-label", spoken(cell));
    const extra = cell.other > 0 ? ` +${cell.other}` : "";
    setText(this.units, state === "out" ? "none" : `F${cell.floor} B${cell.back}${extra}`);
    setText(this.mark, cell.status === "live" ? MARKS[state] : "not read now");
  }
}

/** A style: its words to search in, and its block, which is made when it is shown first. */
class StyleEntry {
  constructor(style, stock) {
    this.style = style;
    this.stock = stock;
    this.cells = style.colours.flatMap((row) => row.cells.map((cell) => stock.cells.get(cell.gtin)));
    this.text = [style.style, style.description, style.department, ...style.colours.map((row) => row.colour), ...this.cells.map((cell) => cell.gtin)].join("\n").toLowerCase();
    this.node = null;
  }

  block(tiles) {
    if (this.node !== null) return this.node;
    const { style, stock } = this;
    const rows = style.colours.map((row) => {
      const list = element("ul", "tiles", { "aria-label": row.label || titleOf(style) });
      const bySize = new Map(row.cells.map((cell) => [cell.size, cell])); // a column for each size of the style, as in a matrix
      for (const size of style.sizes) {
        if (!bySize.has(size)) list.append(element("li", "tile none", { "aria-hidden": "true" }, element("span", "", {}, size || "–"), element("span", "", {}, "not here")));
        else {
          const tile = new Tile(stock.cells.get(bySize.get(size).gtin));
          tiles.set(tile.cell.gtin, tile);
          list.append(element("li", "", {}, tile.node));
        }
      }
      return element("div", "colour-row", {}, element("p", "colour-name", {}, swatch(row.colour), row.label || "–"), list);
    });
    const about = [style.style, style.department].filter((text) => text && text !== titleOf(style)).join(" · ");
    this.node = element("article", "style", {}, element("header", "style-head", {}, element("h3", "", {}, titleOf(style)), element("p", "soft", {}, about)), ...rows);
    return this.node;
  }

  matches(words, state) {
    return words.every((word) => this.text.includes(word)) && (state === "" || this.cells.some((cell) => stateOf(cell) === state));
  }
}

export class SizesView {
  constructor(root, { api, site, heard }) {
    Object.assign(this, { root, api, site });
    this.stock = null;
    this.state = "";
    this.most = STYLES_AT_ONCE;
    this.reloading = 0;
    this.title = element("h2", "view-title", { id: "sizes-title", tabindex: "-1" }, "Sizes");
    this.sum = element("p", "view-sum");
    this.search = element("input", "search", { id: "sizes-search", type: "search", autocomplete: "off", spellcheck: "false", placeholder: "Style, colour or number" });
    this.chips = element("div", "chips", { role: "group", "aria-label": "Show" });
    this.body = element("div", "styles");
    this.nothing = element("p", "nothing", {}, "Loading …");
    this.more = button("act second more", "Show more");
    root.replaceChildren(
      element("header", "view-head", {}, this.title, this.sum),
      element("label", "vh", { for: "sizes-search" }, "Find a style, colour or number"), this.search, this.chips,
      element("p", "legend", {}, element("b", "", {}, "F"), " on the floor ", element("b", "", {}, "B"), " in the back ", element("b", "", {}, "+"), " fitting room, checkout, no tag"),
      this.nothing, this.body, this.more);
    for (const [state, words] of FILTERS) {
      const chip = element("button", "chip", { type: "button", "aria-pressed": String(state === "") }, words);
      chip.addEventListener("click", () => {
        this.state = state;
        for (const other of this.chips.children) other.setAttribute("aria-pressed", String(other === chip));
        this.#filter();
      });
      this.chips.append(chip);
    }
    this.search.addEventListener("input", () => this.#filter());
    this.more.addEventListener("click", () => {
      this.most += STYLES_AT_ONCE;
      this.#filter(false);
    });
    this.stream = new EventStream(() => `/v1/changes?site=${encodeURIComponent(site)}&cursor=${this.cursor}`, {
      open: () => {},
      event: (name, data, id) => this.#event(name, JSON.parse(data), id),
      heard,
      refused: () => {
        this.#reloadSoon(); // the cursor is dead, or there are too many streams
        return false;
      },
    });
  }

  /** The view is looked at: load, and follow what changes. */
  async enter() {
    this.entered = true;
    await this.load();
  }

  /** The view is left: nothing is followed for nobody. */
  leave() {
    this.entered = false;
    clearTimeout(this.reloading);
    this.stream.close();
  }

  async load() {
    try {
      const answer = await this.api.get(`/v1/sites/${encodeURIComponent(this.site)}/stock`);
      this.stock = new Stock(answer);
      this.cursor = answer.cursor;
      this.tiles = new Map();
      this.entries = this.stock.styles.map((style) => new StyleEntry(style, this.stock));
      this.#filter();
      if (this.entered) this.stream.open();
    } catch {
      if (this.stock === null) setText(this.nothing, "The stock could not be loaded yet.");
      if (this.entered) this.#reloadSoon(5_000);
    }
  }

  /** SKUs whose words are those of `text`, the best first: for the find view. */
  matching(text, most) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [];
    for (const style of this.stock?.styles ?? []) {
      for (const row of style.colours) {
        for (const given of row.cells) {
          const cell = this.stock.cells.get(given.gtin);
          const fields = [titleOf(style), style.style, style.department, row.colour].join(" ").toLowerCase();
          const size = cell.size.toLowerCase();
          if (words.every((word) => word === size || (word.length > 2 && fields.includes(word)) || fields.split(/\s+/).includes(word) || cell.gtin.includes(word))) {
            found.push({ ...cell, title: titleOf(style), colour: row.colour, exact: words.includes(size) });
          }
        }
      }
    }
    found.sort((a, b) => Number(b.exact) - Number(a.exact) || Number(b.on_hand > 0) - Number(a.on_hand > 0));
    return { rows: found.slice(0, most), total: found.length };
  }

  #event(name, body, id) {
    if (id) this.cursor = id;
    if (name === "zone") {
      for (const cell of this.stock.applyZone(body.zone, { status: body.status, as_of: body.as_of })) this.tiles.get(cell.gtin)?.update();
      return;
    }
    if (name !== "stock") return;
    const cell = this.stock.apply(body);
    if (cell === undefined) this.#reloadSoon();
    else if (cell !== null) this.tiles.get(cell.gtin)?.update();
  }

  #reloadSoon(ms = RELOAD_MS) {
    clearTimeout(this.reloading);
    this.reloading = setTimeout(() => this.entered && this.load(), ms);
  }

  #filter(fresh = true) {
    if (this.stock === null) return;
    if (fresh) this.most = STYLES_AT_ONCE;
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = [];
    let matching = 0;
    for (const entry of this.entries) {
      if (!entry.matches(words, this.state)) continue;
      matching += 1;
      if (shown.length < this.most) shown.push(entry.block(this.tiles));
    }
    this.body.replaceChildren(...shown);
    show(this.more, matching > shown.length);
    show(this.nothing, matching === 0);
    setText(this.nothing, this.stock.cells.size === 0 ? "No stock was seen yet: it appears with the first reads." : "Nothing fits.");
    setText(this.sum, counted(matching, "style"));
  }
}
