// Stores, the worst first: which one needs somebody, and for what.

import { element, setText } from "/page/nodes.js";
import { levelMark } from "./tiles.js";
import { counted, figureText } from "./words.js";

const WORST = ["act", "look", "unknown", "good"];
const SHOWN = 60; // a person scrolls no further: the picker has all
const SAID = 3;

function weight(site) {
  const levels = Object.values(site.figures).map((cell) => cell.level);
  return [WORST.indexOf(site.level), -levels.filter((level) => level === "act").length, -levels.filter((level) => level === "look").length];
}

function byNeed(left, right) {
  const [a, b] = [weight(left), weight(right)];
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? (left.name || left.site).localeCompare(right.name || right.site) : a[at] - b[at];
}

export class StoresView {
  constructor(root, list, more) {
    this.root = root;
    this.list = list;
    this.more = more;
  }

  /** Show stores; with one store there is nothing to compare. */
  show({ sites, figures }, chosen) {
    this.root.hidden = chosen !== "" || sites.length < 2;
    if (this.root.hidden) return;
    const sorted = [...sites].sort(byNeed);
    const cards = sorted.slice(0, SHOWN).map((site) => this.#card(site, figures));
    const key = cards.map((card) => card.textContent).join("|");
    setText(this.more, sorted.length > SHOWN ? `and ${counted(sorted.length - SHOWN, "store")} more: choose one above` : "");
    this.more.hidden = sorted.length <= SHOWN;
    if (this.key === key) return;
    this.key = key;
    const had = this.list.contains(document.activeElement) ? document.activeElement.hash : "";
    this.list.replaceChildren(...cards);
    if (had) this.list.querySelector(`a[href="${CSS.escape(had)}"]`)?.focus();
  }

  #card(site, figures) {
    const bad = figures.filter((figure) => ["act", "look"].includes(site.figures[figure.id]?.level));
    const worst = [...bad].sort((a, b) => WORST.indexOf(site.figures[a.id].level) - WORST.indexOf(site.figures[b.id].level));
    const said = worst.slice(0, SAID).map((figure) => element("li", "", { "data-level": site.figures[figure.id].level },
      element("span", "", {}, figure.title), element("b", "", {}, figureText(site.figures[figure.id], figure.unit))));
    const left = bad.length - said.length;
    if (left > 0) said.push(element("li", "store-more", {}, `and ${left} more`));
    const text = site.level === "good" ? "Nothing to do" : site.level === "unknown" ? "Nothing is heard from it" : "";
    return element("li", "store", { "data-level": site.level },
      element("a", "store-name", { href: `#${new URLSearchParams({ site: site.site })}` }, site.name || site.site), levelMark(site.level),
      said.length > 0 ? element("ul", "store-why", {}, ...said) : element("p", "store-why", {}, text));
  }
}
