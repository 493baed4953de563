// Where is it? A scan or a number is asked of the gateway; words are looked up in the sizes of this store.

import { whyNot, scanWithCamera } from "./camera.js";
import { icon } from "./icons.js";
import { button, element, setText, show, swatch } from "./nodes.js";
import { KINDS, ago, counted, nameOf, refusal, shortSerial, span, stateWords, sureness, timeLeft, zoneKind, zoneName } from "./words.js";
import { secondsSince } from "./clock.js";

const ROWS = 30;
const CODE = /^[0-9][0-9 -]{6,}$|^[0-9A-F]{16,}$|:\/\/|^urn:|^\][A-Z][0-9]|^\([0-9]{2,4}\)|^01[0-9]{14}|\u001d/i; // a number, an EPC, an address, an element string

export class FindView {
  /** `wanting(gtin, link)` gives the tasks that want a product; `goTo(task)` shows one; `words` looks up names. */
  constructor(root, { api, site, link, words, wanting, goTo, scanned }) {
    Object.assign(this, { root, api, site, link, words, wanting, goTo });
    this.turn = 0;
    this.title = element("h2", "view-title", { id: "find-title", tabindex: "-1" }, "Find");
    this.input = element("input", "search", {
      id: "find-text", type: "search", autocomplete: "off", autocapitalize: "none", spellcheck: "false", enterkeyhint: "search",
      placeholder: "Name, size, number or EPC", maxlength: "512", "aria-describedby": "find-help",
    });
    const go = element("button", "act first", { type: "submit" }, icon("find"), element("span", "", {}, "Find"));
    this.form = element("form", "find-form", { role: "search" }, element("label", "vh", { for: "find-text" }, "What to find"), this.input, go);
    const why = whyNot();
    this.camera = button("act second wide", icon("camera"), element("span", "", {}, "Scan with the camera"));
    this.camera.addEventListener("click", () => scanWithCamera(scanned));
    this.help = element("p", "soft", { id: "find-help" }, why === "" ? "A scanner works on every page of this screen: just scan." : `A scanner works on every page of this screen: just scan. ${why}`);
    this.error = element("p", "card-error", { role: "alert" });
    this.result = element("div", "result", { "aria-live": "polite" });
    root.replaceChildren(element("header", "view-head", {}, this.title), this.form, ...(why === "" ? [this.camera] : []), this.help, this.error, this.result);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      location.hash = `find=${encodeURIComponent(this.input.value.trim())}`;
      if (this.asked === this.input.value.trim()) this.show(this.asked);
      this.input.blur(); // the phone's keyboard would cover the answer
    });
  }

  /** Show what a text names. Returns what the gateway found, or null. */
  async show(text) {
    const turn = (this.turn += 1);
    this.asked = text;
    show(this.help, text === "");
    if (document.activeElement !== this.input) this.input.value = text;
    setText(this.error, "");
    if (text === "") {
      this.result.replaceChildren();
      return null;
    }
    if (!CODE.test(text)) {
      await this.#byWords(text, turn);
      return null;
    }
    try {
      const found = await this.ask(text);
      if (turn === this.turn) this.#draw(found);
      return found;
    } catch (error) {
      if (turn !== this.turn) return null;
      this.result.replaceChildren();
      setText(this.error, refusal(error));
      return null;
    }
  }

  /** Ask the gateway what a text names. */
  ask(text) {
    const plain = /^[0-9 -]+$/.test(text) ? text.replaceAll(/[ -]/g, "") : text;
    return this.api.get(`/v1/sites/${encodeURIComponent(this.site)}/find?text=${encodeURIComponent(plain)}`);
  }

  async #byWords(text, turn) {
    const found = await this.words(text, ROWS);
    if (turn !== this.turn) return;
    if (found === null) {
      this.result.replaceChildren();
      setText(this.error, "Not found: there is no connection.");
      return;
    }
    const list = element("ul", "hits");
    for (const row of found.rows) {
      const units = row.on_hand === 0 ? "none in this store" : `${row.floor} on the floor, ${row.back} in the back`;
      list.append(element("li", "", {}, element("a", "hit", { href: `#find=${row.gtin}` },
        element("span", "size small", {}, element("span", "size-text", { "data-long": String(row.size.length > 3) }, row.size || "–")),
        element("span", "hit-words", {}, element("b", "", {}, row.title), element("span", "", {}, swatch(row.colour), `${row.colour}`), element("span", "soft", {}, units)))));
    }
    const left = found.total - found.rows.length;
    const more = left > 0 ? [element("p", "soft", {}, `and ${left} more: say the colour or the size, too`)] : [];
    this.result.replaceChildren(element("p", "result-count", {}, found.total === 0 ? `Nothing here is called “${text}”.` : counted(found.total, "size")), list, ...more);
  }

  #draw(found) {
    const { sku } = found;
    const link = found.item?.digital_link ?? "";
    const head = element("div", "found-head", {},
      element("div", "size", {}, element("span", "size-text", { "data-long": String(sku.size.length > 3) }, sku.size || "–")),
      element("div", "card-words", {}, element("h3", "card-title", {}, sku.known ? nameOf(sku) : "Not in the catalogue"),
        element("p", "card-colour", {}, swatch(sku.colour), [sku.colour, sku.department].filter(Boolean).join(" · ")), element("p", "soft", {}, `GTIN ${sku.gtin}`)));
    const parts = [head];
    if (found.item !== null) parts.push(this.#item(found.item));
    for (const task of this.wanting(sku.gtin, link).slice(0, 3)) parts.push(this.#wanted(task));
    parts.push(this.#places(sku));
    if (sku.items.length > 0) parts.push(this.#units(sku, found.serial));
    this.result.replaceChildren(element("article", "found", {}, ...parts));
  }

  /** The one item that was scanned: here, elsewhere, sold ... */
  #item(item) {
    const here = item.places.find((place) => place.site === this.site);
    const lines = [];
    if (here === undefined || here.zone === "OUT") {
      const other = item.places.find((place) => place.site !== this.site && place.zone !== "OUT");
      lines.push(element("p", "where-big", {}, other ? `In ${other.site_name || other.site}` : here ? "Left this store" : "Never read in this store"));
      if (here) lines.push(element("p", "soft", {}, ago(here.since)));
    } else {
      const sure = sureness(here.confidence);
      lines.push(element("p", "where-big", {}, icon("place"), zoneName(here.zone)),
        element("p", "", {}, element("span", `sure sure-${sure.level}`, {}, element("span", "meter", { "aria-hidden": "true" }), `${sure.word}, ${sure.text}`), ` · there for ${span(secondsSince(here.since))}`));
    }
    if (stateWords(item.state)) lines.push(element("p", "state", {}, icon("alerts"), stateWords(item.state)));
    if (item.hold !== null) lines.push(element("p", "state", {}, icon("orders"), `${item.hold.picked ? "Picked for" : "Kept for"} order …${item.hold.reservation.slice(-4)}`));
    return element("section", "found-item", { "aria-label": "This item" }, element("p", "soft", {}, `This item: ${shortSerial(item.serial)}`), ...lines);
  }

  #wanted(task) {
    const go = button("wanted", icon(task.kind), element("span", "", {}, element("b", "", {}, `Wanted: ${KINDS[task.kind].toLowerCase()}`), ` ${timeLeft(task.due_at)}`), icon("arrow"));
    go.addEventListener("click", () => this.goTo(task));
    return go;
  }

  #places(sku) {
    const list = element("ul", "places");
    for (const place of sku.places) {
      const blind = place.status !== "live";
      list.append(element("li", "place", { "data-status": place.status },
        element("b", "place-units", {}, `${blind ? "~" : ""}${place.units}`),
        element("span", "place-words", {}, element("b", "", {}, zoneName(place.zone)), element("span", "soft", {}, zoneKind(place.zone_kind))),
        element("span", "soft place-age", {}, blind ? `last looked ${ago(place.as_of)}` : "read now")));
    }
    if (sku.untagged > 0) list.append(element("li", "place", {}, element("b", "place-units", {}, String(sku.untagged)), element("span", "place-words", {}, element("b", "", {}, "Without a tag"), element("span", "soft", {}, "place not known"))));
    const sum = sku.on_hand === 0 ? "None in this store" : `${sku.on_hand} in this store`;
    const held = sku.held > 0 ? `, ${sku.held} kept for orders` : "";
    return element("section", "found-places", { "aria-label": "Where it is" }, element("p", "result-count", {}, `${sum}${held}`), list);
  }

  #units(sku, serial) {
    const list = element("ul", "items");
    for (const unit of sku.items) {
      const sure = sureness(unit.confidence);
      const told = [stateWords(unit.state), unit.held ? "kept for an order" : ""].filter(Boolean).join(", ");
      list.append(element("li", "item", { "data-this": String(unit.serial === serial) },
        element("span", "item-where", {}, element("b", "", {}, zoneName(unit.zone)), element("span", "soft", {}, [`there for ${span(secondsSince(unit.since))}`, told].filter(Boolean).join(" · "))),
        element("span", "item-hint", {}, element("span", `sure sure-${sure.level}`, {}, element("span", "meter", { "aria-hidden": "true" }), `${sure.word}, ${sure.text}`),
          element("span", "serial", {}, `item ${shortSerial(unit.serial)}`))));
    }
    const left = sku.items_left_out > 0 ? `, ${sku.items_left_out} not listed` : "";
    const details = element("details", "how", {}, element("summary", "", {}, `Single items: ${sku.items.length}${left}`), list);
    details.open = sku.items.length <= 6;
    return details;
  }
}
