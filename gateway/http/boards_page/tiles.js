// One tile for each key figure: its value, a word and a sign for whether somebody has to act, and how it went in a day.

import { element, setText } from "/page/nodes.js";
import { spark, svg } from "./chart.js";
import { LEVELS, SIGNS, counted, figureText, parts } from "./words.js";

/** The sign and word of a level. */
export function levelMark(level) {
  return element("span", "level", { "data-level": level }, svg("svg", { class: "sign", viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: SIGNS[level], "fill-rule": "evenodd" })), LEVELS[level]);
}

class Tile {
  constructor(figure, open) {
    this.value = element("span", "value");
    this.unit = element("span", "unit");
    this.level = element("span", "level-place");
    this.line = element("span", "spark-place");
    this.button = element("button", "tile-button", { type: "button", "aria-haspopup": "dialog" },
      element("span", "tile-title", {}, figure.title), element("span", "tile-value", {}, this.value, " ", this.unit), this.level, this.line);
    this.button.addEventListener("click", () => open(figure.id));
    this.node = element("li", "tile", { "data-figure": figure.id }, this.button);
  }

  show(figure) {
    const [value, unit] = parts(figure.value, figure.unit);
    setText(this.value, figure.word || value);
    setText(this.unit, figure.word ? "" : unit);
    this.value.dataset.word = String(figure.word !== "");
    if (this.node.dataset.level !== figure.level) {
      this.node.dataset.level = figure.level;
      this.level.replaceChildren(levelMark(figure.level));
    }
  }

  draw(values, figure) {
    const known = values.some((value) => value !== null);
    this.line.replaceChildren(...(known ? [spark(values, { more: figure.more, least: figure.look })] : []));
  }
}

export class TilesView {
  constructor(root, open) {
    this.root = root;
    this.open = open;
    this.tiles = new Map();
  }

  /** Show figures; the tiles stay the same nodes, so that focus stays on them. */
  show({ groups, figures }) {
    const names = figures.map((figure) => figure.id).join();
    if (this.names !== names) {
      this.names = names;
      this.tiles = new Map(figures.map((figure) => [figure.id, new Tile(figure, this.open)]));
      this.root.replaceChildren(...Object.entries(groups).map(([id, title]) => {
        const mine = figures.filter((figure) => figure.group === id).map((figure) => this.tiles.get(figure.id).node);
        return element("section", "group", { "aria-labelledby": `group-${id}`, "data-tiles": String(mine.length) },
          element("h2", "", { id: `group-${id}` }, title), element("ul", "tiles", {}, ...mine));
      }));
    }
    for (const figure of figures) this.tiles.get(figure.id).show(figure);
  }

  /** Draw how a figure went. */
  draw(figure, values) {
    this.tiles.get(figure.id)?.draw(values, figure);
  }

  focus(id) {
    this.tiles.get(id)?.button.focus();
  }
}

const TODO_MAX = 4; // what a person keeps in mind; the tiles show all

/** Says in one line whether to act, and in a few what. */
export class VerdictView {
  constructor(text, list, open) {
    this.text = text;
    this.list = list;
    this.open = open;
  }

  show({ figures, sites }) {
    const act = figures.filter((figure) => figure.level === "act");
    const look = figures.filter((figure) => figure.level === "look");
    const unknown = figures.filter((figure) => figure.level === "unknown").length;
    const nothing = act.length + look.length === 0;
    const silent = sites.length > 1 ? sites.filter((site) => site.level === "unknown").length : 0;
    const counts = [act.length > 0 ? `${act.length} to act on` : "", look.length > 0 ? `${look.length} to look at` : "", unknown > 0 ? `${unknown} not known` : "", silent > 0 ? `${counted(silent, "store")} not heard` : ""];
    const said = counts.filter(Boolean).join(", ");
    const all = unknown === figures.length;
    setText(this.text, all ? "No figure is known." : nothing ? `Nothing to do${said ? `; ${said}` : ""}.` : `${said}.`);
    this.text.dataset.level = all ? "unknown" : act.length > 0 ? "act" : look.length > 0 ? "look" : said ? "unknown" : "good";
    const names = new Map(sites.map((site) => [site.site, site.name || site.site]));
    this.#list([...act, ...look], names);
  }

  #list(wanted, names) {
    const key = JSON.stringify(wanted.map((figure) => [figure.id, figure.level, figure.value, figure.worst]));
    if (this.key === key) return;
    this.key = key;
    const had = this.list.contains(document.activeElement) ? document.activeElement.dataset.figure : "";
    const rows = wanted.slice(0, TODO_MAX).map((figure) => {
      const where = figure.worst ? `${names.get(figure.worst)} first. ` : "";
      const link = element("button", "todo-button", { type: "button", "aria-haspopup": "dialog", "data-figure": figure.id }, levelMark(figure.level),
        element("span", "todo-what", {}, element("b", "", {}, `${figure.title}: ${figureText(figure)}`), element("span", "todo-how", {}, `${where}${figure.todo}`)));
      link.addEventListener("click", () => this.open(figure.id));
      return element("li", "", {}, link);
    });
    const left = wanted.length - rows.length;
    if (left > 0) rows.push(element("li", "todo-more", {}, `and ${left} more below`));
    this.list.replaceChildren(...rows);
    if (had) (this.list.querySelector(`[data-figure="${CSS.escape(had)}"]`) ?? this.text.parentElement).focus();
  }
}
