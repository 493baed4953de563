// What needs a look: zones that nobody reads, and alarms until a person has taken note of them.

import { icon } from "./icons.js";
import { arrange, button, element, keepingFocus, setText, show } from "./nodes.js";
import { secondsSince } from "./clock.js";
import { ago, counted, nameOf, refusal, shortSerial, span, zoneKind, zoneName } from "./words.js";

const KINDS = {
  left_unsold: "Left the store unsold", wrong_department: "In another department", clone: "Same tag at two places",
  unknown_gtin: "Not in the catalogue", double_tag: "Two tags on one piece", never_read: "Never read",
  hold_faded: "Kept for an order, but not sure any more", size_gap: "Sizes missing on the floor",
};
const SEVERITIES = { critical: "Urgent", warning: "Look at it" };
const EVIDENCE_MOST = 8;

export class AlertsView {
  constructor(root, { api, site, say, link, person }) {
    Object.assign(this, { root, api, site, say, link, person });
    this.cards = new Map();
    this.zoneNodes = new Map();
    this.alarms = new Map();
    this.waiting = 0; // open ones in all: of many only the newest are here
    this.title = element("h2", "view-title", { id: "alerts-title", tabindex: "-1" }, "Alerts");
    this.sum = element("p", "view-sum");
    this.zonesSay = element("p", "good");
    this.zones = element("ul", "cards", { "aria-label": "Zones that nobody reads" });
    this.alarmsSay = element("p", "good");
    this.list = element("ul", "cards", { "aria-label": "Alarms" });
    this.more = element("p", "soft");
    this.notedList = element("ul", "cards", { "aria-label": "Alarms that somebody took note of" });
    this.notedSum = element("summary");
    this.noted = element("details", "how", {}, this.notedSum, this.notedList);
    root.replaceChildren(
      element("header", "view-head", {}, this.title, this.sum),
      element("section", "group", { "aria-labelledby": "zones-title" }, element("header", "group-head", {}, element("h3", "group-title", { id: "zones-title" }, "Readers")), this.zonesSay, this.zones),
      element("section", "group", { "aria-labelledby": "alarms-title" }, element("header", "group-head", {}, element("h3", "group-title", { id: "alarms-title" }, "Alarms")), this.alarmsSay, this.list, this.more, this.noted));
    show(this.noted, false);
    show(this.more, false);
  }

  /** How many things want somebody. */
  get count() {
    return this.zoneNodes.size + this.waiting;
  }

  get quiet() {
    return [...this.alarms.values()].filter((alarm) => alarm.state !== "open").length;
  }

  /** Take the zones of the site as they are now. */
  putZones(zones) {
    const own = zones.filter((zone) => !zone.counts_as || zone.counts_as === zone.zone);
    const blind = own.filter((zone) => zone.status === "blind");
    const unknown = own.filter((zone) => zone.status === "unknown");
    const nodes = new Map();
    for (const zone of blind) {
      const node = this.zoneNodes.get(zone.zone) ?? element("li", "card zone-card");
      const there = zone.units > 0 ? ` ${counted(zone.units, "unit")} were there then.` : "";
      node.replaceChildren(element("div", "card-inner", {},
        element("div", "card-line", {}, element("p", "card-title", {}, icon("blind"), zoneName(zone.zone)), element("p", "tag tag-warning", {}, "Not read")),
        element("p", "", {}, `Nobody has looked at this ${zoneKind(zone.kind) || "zone"} for ${span(secondsSince(zone.as_of)) || "ever"}.${there}`),
        element("p", "soft", {}, "Is the reader on, and its cable in? Otherwise tell your manager.")));
      nodes.set(zone.zone, node);
    }
    this.zoneNodes = nodes;
    arrange(this.zones, [...nodes.values()]);
    const without = unknown.length > 0 ? ` ${unknown.map((zone) => zoneName(zone.zone)).join(", ")}: no reader yet.` : "";
    const live = own.length - blind.length - unknown.length;
    setText(this.zonesSay, blind.length === 0 ? `${live === own.length ? "All" : `${live} of`} ${own.length} zones are being read.${without}` : without.trim());
    show(this.zonesSay, this.zonesSay.textContent !== "");
  }

  /** Take the alarms that are not over; null when this gateway has none of that kind. `waiting`: open ones in all. */
  putAlarms(rows, waiting = 0) {
    this.waiting = waiting;
    this.alarms = new Map((rows ?? []).map((alarm) => [alarm.id, alarm]));
    keepingFocus(this.root, () => this.#arrange(rows ?? []), this.title);
    show(this.alarmsSay, rows !== null && waiting === 0);
    setText(this.alarmsSay, "Nothing is wrong.");
    const unseen = waiting - (this.alarms.size - this.quiet);
    show(this.more, unseen > 0);
    setText(this.more, `and ${unseen} older ones`);
    show(this.noted, this.quiet > 0);
    setText(this.notedSum, `Noted by somebody: ${this.quiet}`);
    for (const id of [...this.cards.keys()]) if (!this.alarms.has(id)) this.cards.delete(id);
  }

  #arrange(rows) {
    const bad = (alarm) => Number(alarm.severity === "critical");
    const nodes = [...rows].sort((a, b) => bad(b) - bad(a)).map((alarm) => [alarm, this.#card(alarm)]); // the newest first, but for the urgent ones
    arrange(this.list, nodes.filter(([alarm]) => alarm.state === "open").map(([, node]) => node));
    arrange(this.notedList, nodes.filter(([alarm]) => alarm.state !== "open").map(([, node]) => node));
  }

  #card(alarm) {
    const had = this.cards.get(alarm.id);
    if (had?.version === alarm.version) {
      setText(had.age, this.#age(alarm));
      return had.node;
    }
    const node = had?.node ?? element("li", "card alarm", { "data-key": alarm.id });
    const age = element("p", "soft", {}, this.#age(alarm));
    const error = element("p", "card-error", { role: "alert" });
    const what = alarm.gtin ? [alarm.size, nameOf(alarm), alarm.colour].filter(Boolean).join(" · ") : "";
    const inner = element("article", "card-inner", { "aria-labelledby": `a-${alarm.id}` },
      element("div", "card-line", {}, element("h4", "card-title", { id: `a-${alarm.id}` }, icon("alerts"), KINDS[alarm.kind] ?? alarm.kind.replaceAll("_", " ")),
        element("p", `tag tag-${alarm.severity}`, {}, SEVERITIES[alarm.severity] ?? alarm.severity)),
      element("p", "", {}, alarm.text), ...(what ? [element("p", "card-colour", {}, what)] : []), age, this.#evidence(alarm), error);
    if (alarm.state === "open") inner.append(this.#noteButton(alarm, error));
    else if (alarm.acknowledged) inner.append(element("p", "good", {}, `Noted${alarm.acknowledged.by ? ` by ${alarm.acknowledged.by}` : ""}, ${ago(alarm.acknowledged.at)}`));
    node.replaceChildren(inner);
    this.cards.set(alarm.id, { node, age, version: alarm.version });
    return node;
  }

  #age(alarm) {
    const times = alarm.count > 1 ? `, ${alarm.count} times` : "";
    const place = alarm.zone ? `${zoneName(alarm.zone)} · ` : "";
    return `${place}first ${ago(alarm.first_at)}, last ${ago(alarm.last_at)}${times}`;
  }

  #noteButton(alarm, error) {
    const note = button("act first", icon("check"), element("span", "", {}, "Seen"));
    note.setAttribute("aria-describedby", `a-${alarm.id}`);
    note.addEventListener("click", async () => {
      if (!this.link.live) {
        this.say.aloud("Not sent: there is no connection.");
        return;
      }
      if (note.getAttribute("aria-disabled") === "true") return;
      note.setAttribute("aria-disabled", "true");
      try {
        const now = await this.api.post(`/v1/exceptions/${encodeURIComponent(alarm.id)}:acknowledge`, { by: this.person.name || this.person.device });
        this.say.shortly("Noted.");
        this.putAlarms([...this.alarms.values()].map((other) => (other.id === now.id ? now : other)), this.waiting - Number(this.alarms.get(now.id)?.state === "open"));
        this.changed?.();
      } catch (failed) {
        note.removeAttribute("aria-disabled");
        setText(error, refusal(failed));
      }
    });
    return element("div", "acts", {}, note, ...(alarm.gtin ? [element("a", "act second", { href: `#find=${encodeURIComponent(alarm.digital_link || alarm.gtin)}` }, icon("find"), element("span", "", {}, "Find it"))] : []));
  }

  #evidence(alarm) {
    const rows = Object.entries(alarm.evidence ?? {}).slice(0, EVIDENCE_MOST).filter(([, value]) => value !== null && value !== "");
    if (rows.length === 0) return element("span", "", { hidden: "" });
    const list = element("dl", "evidence");
    for (const [name, value] of rows) list.append(element("dt", "", {}, name.replaceAll("_", " ")), element("dd", "", {}, told(value)));
    return element("details", "how", {}, element("summary", "", {}, "Why?"), list);
  }
}

/** A piece of evidence as text; lists are cut. */
function told(value) {
  if (Array.isArray(value)) return value.slice(0, 5).map(told).join(", ") + (value.length > 5 ? ` and ${value.length - 5} more` : "");
  if (typeof value === "object" && value !== null) return Object.entries(value).map(([name, inner]) => `${name.replaceAll("_", " ")} ${told(inner)}`).join(", ");
  if (typeof value === "string" && /^[0-9A-Za-z-]{16,}$/.test(value)) return shortSerial(value);
  return typeof value === "number" && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}
