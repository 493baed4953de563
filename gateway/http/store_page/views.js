// Which view is shown: one of five on a phone; on a wall the three that ask for hands stand side by side.

import { icon } from "./icons.js";
import { element, setText, show } from "./nodes.js";

export const WIDE = "(min-width: 1080px)";
const BOARD = ["refill", "orders", "alerts"];
const NARROW_TABS = [["refill", "Refill"], ["orders", "Orders"], ["sizes", "Sizes"], ["find", "Find"], ["alerts", "Alerts"]];
const WIDE_TABS = [["board", "Board"], ["sizes", "Sizes"], ["find", "Find"]];
const NAMES = ["refill", "orders", "alerts", "sizes", "find"];

export class Views {
  /** `changed(names, text)` is told which views are shown, and what the address says behind `find=`. */
  constructor(tabs, root, changed) {
    this.tabs = tabs;
    this.root = root;
    this.changed = changed;
    this.wide = matchMedia(WIDE);
    this.shown = [];
    this.links = new Map();
    this.wide.addEventListener("change", () => this.draw());
    addEventListener("hashchange", () => this.draw(true));
  }

  /** The view that the address names. */
  get name() {
    const [name] = location.hash.slice(1).split("=");
    return NAMES.includes(name) ? name : "refill";
  }

  /** What stands behind `find=`. */
  get text() {
    const at = location.hash.indexOf("=");
    try {
      return at < 0 ? "" : decodeURIComponent(location.hash.slice(at + 1));
    } catch {
      return "";
    }
  }

  /** Show what the address names; `moved`: a person went there, so the focus goes there, too. */
  draw(moved = false) {
    const { name } = this;
    const wide = this.wide.matches;
    const board = wide && BOARD.includes(name);
    const shown = board ? BOARD : [name];
    document.body.dataset.layout = board ? "board" : "single";
    document.body.dataset.view = name;
    for (const each of NAMES) show(document.getElementById(`view-${each}`), shown.includes(each));
    this.#drawTabs(wide ? WIDE_TABS : NARROW_TABS, board ? "board" : name);
    const before = this.shown;
    this.shown = shown;
    this.changed(shown, before, this.text);
    if (!moved) return;
    if (name !== "find" || this.text === "") document.getElementById(`${name}-title`)?.focus({ preventScroll: true });
    if (!board) scrollTo(0, 0);
  }

  /** Write how much waits beside a tab; `late`: some of it should be done already. */
  badge(name, count, late = 0) {
    const link = this.links.get(name);
    if (link === undefined) return;
    const badge = link.querySelector(".badge");
    show(badge, count > 0);
    setText(badge.firstElementChild, count > 99 ? "99+" : String(count));
    setText(badge.lastElementChild, late > 0 ? ` waiting, ${late} late` : " waiting");
    badge.dataset.late = String(late > 0);
  }

  #drawTabs(wanted, current) {
    const names = wanted.map(([name]) => name).join(" ");
    if (this.tabs.dataset.names !== names) {
      this.tabs.dataset.names = names;
      this.links = new Map();
      const nodes = wanted.map(([name, words]) => {
        const badge = element("span", "badge", { hidden: "" }, element("span"), element("span", "vh"));
        const link = element("a", "tab", { href: `#${name === "board" ? "refill" : name}` }, icon(name), element("span", "tab-name", {}, words), badge);
        this.links.set(name, link);
        return link;
      });
      this.tabs.replaceChildren(...nodes);
    }
    for (const [name, link] of this.links) {
      if (name === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }
}
