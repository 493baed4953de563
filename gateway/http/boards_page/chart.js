// Charts as SVG, drawn by hand: a small line in a tile, lines with axes, strips of states. Lines differ in dash and colour.

import { element, setText } from "/page/nodes.js";
import { durationTicks, runs, ticks, timeTicks } from "./scale.js";
import { valueText } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const BARE = new Set(["share", "probability", "s", "ms"]); // units that are part of the number
export const LINES_MAX = 6; // more, and nobody tells them apart; the table has all

/** An SVG element with attributes and children. */
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

function path(run, x, y) {
  return run.map(([index, value], at) => `${at === 0 ? "M" : "L"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

/** A small line without axes; a lone value is a dot. `least`: the height of the scale at least. */
export function spark(values, { more = false, least = 0 } = {}) {
  const [width, height, edge] = [160, 30, 3];
  const known = values.filter((value) => value !== null);
  const top = Math.max(...known, least, 1e-9);
  const bottom = more ? Math.min(...known, least || top) : 0;
  const room = Math.max(top - bottom, top * 0.02);
  const x = (index) => edge + (index / Math.max(1, values.length - 1)) * (width - 2 * edge);
  const y = (value) => height - edge - ((value - bottom) / room) * (height - 2 * edge);
  const drawn = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const run of runs(values)) {
    const [[first], [last]] = [run[0], run.at(-1)];
    if (run.length > 1 && !more) {
      drawn.append(svg("path", { class: "spark-area", d: `${path(run, x, y)}L${x(last).toFixed(1)} ${height}L${x(first).toFixed(1)} ${height}Z` }));
    }
    drawn.append(svg("path", { class: "spark-line", d: run.length > 1 ? path(run, x, y) : `M${x(first)} ${y(run[0][1])}h.1` }));
  }
  return drawn;
}

/** Whole ticks of a scale for a unit. */
function scaleOf(unit, low, high) {
  if (unit === "s") return durationTicks(high, 4);
  if (unit === "share" || unit === "probability") return ticks(low, Math.max(high, low + 0.04), 4).filter((tick) => tick <= 1.0001);
  const found = ticks(low, Math.max(high, 4), 4);
  return found.every(Number.isInteger) || unit === "ms" ? found : ticks(low, Math.max(high, 4), 2);
}

function clockText(at, from, to) {
  const date = new Date(at);
  const day = to - from > 2 * 86_400_000;
  return day ? date.toLocaleDateString("en-GB", { weekday: "short", day: "numeric" }) : date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/** Lines with axes. `asked`: {from, to, step (ms), unit, levels: {look, act, more} or null, lines: [{name, values}]}. */
export class LineChart {
  constructor(title) {
    this.title = title;
    this.frame = element("div", "chart-frame");
    this.legend = element("ul", "legend-list");
    this.rest = element("p", "chart-rest");
    this.caption = element("figcaption", "chart-title", {}, title);
    this.node = element("figure", "chart", {}, this.caption, this.frame, this.legend, this.rest);
    this.frame.addEventListener("pointermove", (event) => this.#point(event));
    this.frame.addEventListener("pointerleave", () => this.#rest());
  }

  /** Call it something else. */
  name(title) {
    this.title = title;
    setText(this.caption, title);
  }

  /** Draw; `said`: what stands there instead when there is nothing to draw. */
  draw(asked, said = "") {
    this.asked = asked;
    const any = asked !== null && asked.lines.some((line) => line.values.some((value) => value !== null));
    this.rest.textContent = any ? "" : said || "Not known yet.";
    this.rest.hidden = any;
    this.frame.hidden = !any;
    this.legend.hidden = !any;
    this.shown = any ? asked.lines.slice(0, LINES_MAX) : [];
    if (any) this.#lines();
  }

  #lines() {
    const { from, to, step, unit, levels } = this.asked;
    const width = Math.max(260, Math.round(this.frame.clientWidth || 420));
    const [height, left, right, top, bottom] = [190, 50, 10, 10, 24];
    const known = this.shown.flatMap((line) => line.values.filter((value) => value !== null));
    const marks = levels === null ? [] : [levels.look, levels.act];
    const near = marks.filter((mark) => mark <= Math.max(...known) * 3);
    const low = levels?.more ? Math.max(0, Math.min(...known, ...marks) - 0.02) : 0;
    const scale = scaleOf(unit, low, Math.max(...known, ...near));
    const [least, most] = [scale[0], scale.at(-1)];
    const count = Math.round((to - from) / step);
    const x = (index) => left + ((index + 0.5) / count) * (width - left - right);
    const y = (value) => top + (1 - (value - least) / (most - least)) * (height - top - bottom);
    this.x = { at: x, left, room: width - left - right, count, width };
    const drawn = svg("svg", { class: "lines", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": this.#label() });
    for (const tick of scale) {
      drawn.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
      drawn.append(svg("text", { class: "tick", x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, valueText(tick, BARE.has(unit) ? unit : "")));
    }
    for (const at of timeTicks(from, to, width < 360 ? 4 : 6)) {
      const place = left + ((at - from) / (to - from)) * (width - left - right);
      if (place > left + 12 && place < width - right - 12) drawn.append(svg("text", { class: "tick", x: place, y: height - 6, "text-anchor": "middle" }, clockText(at, from, to)));
    }
    const words = []; // drawn last: no line hides them
    for (const [mark, name] of marks.map((value, index) => [value, index === 0 ? "look" : "act"])) {
      if (mark < least || mark > most) continue;
      drawn.append(svg("line", { class: `mark-line mark-${name}`, x1: left, x2: width - right, y1: y(mark), y2: y(mark) }));
      words.push(svg("text", { class: `tick mark-word mark-${name}`, x: left + 2, y: y(mark) + (levels.more ? 13 : -5) }, name));
    }
    this.shown.forEach((line, number) => {
      for (const run of runs(line.values)) {
        drawn.append(svg("path", { class: `line line-${number}`, d: run.length > 1 ? path(run, x, y) : `M${x(run[0][0])} ${y(run[0][1])}h.1` }));
      }
    });
    this.cross = svg("line", { class: "cross", y1: top, y2: height - bottom, visibility: "hidden" });
    drawn.append(...words, this.cross);
    this.frame.replaceChildren(drawn);
    this.#legend();
  }

  #legend() {
    this.values = this.shown.map(() => element("b", "legend-value"));
    this.when = element("li", "legend-when", { "aria-hidden": "true" });
    const items = this.shown.map((line, number) => {
      const sample = svg("svg", { class: "sample", viewBox: "0 0 26 10", "aria-hidden": "true" }, svg("path", { class: `line line-${number}`, d: "M1 5H25" }));
      return element("li", "", {}, sample, element("span", "legend-name", {}, line.name), this.values[number]);
    });
    const left = this.asked.lines.length - this.shown.length;
    if (left > 0) items.push(element("li", "legend-more", {}, `and ${left} more`));
    this.legend.replaceChildren(...items, this.when);
    this.#rest();
  }

  #label() {
    const said = this.shown.map((line) => `${line.name} ${valueText(line.newest, this.asked.unit)}`);
    return `${this.title}. Now: ${said.join(", ")}.`;
  }

  #point(event) {
    if (this.x === undefined || this.shown.length === 0) return;
    const box = this.frame.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * this.x.width;
    const index = Math.floor(((place - this.x.left) / this.x.room) * this.x.count);
    if (index < 0 || index >= this.x.count) return this.#rest();
    const at = this.x.at(index);
    for (const [key, value] of [["x1", at], ["x2", at], ["visibility", "visible"]]) this.cross.setAttribute(key, value);
    this.shown.forEach((line, number) => { this.values[number].textContent = valueText(line.values[index], this.asked.unit); });
    this.when.textContent = new Date(this.asked.from + index * this.asked.step).toLocaleString("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });
    return undefined;
  }

  #rest() {
    this.cross?.setAttribute("visibility", "hidden");
    this.shown?.forEach((line, number) => { this.values[number].textContent = valueText(line.newest, this.asked.unit); });
    if (this.when !== undefined) this.when.textContent = "";
  }
}

/** One strip for each line: what state it was in when. State 0 is the worst. */
export function strips({ from, to, step, words, lines }) {
  const count = Math.round((to - from) / step);
  const best = Math.max(...Object.keys(words).map(Number));
  const list = element("ul", "strips");
  for (const line of lines) {
    const drawn = svg("svg", { class: "strip", viewBox: `0 0 ${count} 10`, preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const run of runs(line.values)) {
      for (let at = 0; at < run.length;) {
        let end = at + 1;
        while (end < run.length && run[end][1] === run[at][1]) end += 1;
        const kind = run[at][1] === 0 ? "bad" : run[at][1] === best ? "good" : "middle";
        drawn.append(svg("rect", { class: `strip-${kind}`, x: run[at][0], width: end - at, y: kind === "good" ? 3.5 : 0, height: kind === "good" ? 3 : 10 }));
        at = end;
      }
    }
    list.append(element("li", "strip-row", {}, element("span", "strip-name", {}, line.name), drawn));
  }
  const ends = element("p", "strip-times", { "aria-hidden": "true" }, element("span", "", {}, clockText(from, from, to)), element("span", "", {}, "now"));
  return element("div", "", {}, list, ends);
}
