// The stock of one site as this page knows it: loaded once, then replaced cell by cell by newer events.

/** What people call a style; the catalogue's code when it has no words for it. */
export function titleOf(style) {
  return style.description || style.style || "Not in the catalogue";
}

/** What a cell asks people to do, the most urgent first. */
export function stateOf(cell) {
  if (cell.on_hand === 0) return "out";
  if (cell.floor === 0 && cell.back > 0) return "refill";
  if (cell.on_hand === 1) return "last";
  return "fine";
}

/** What can be sold as surely as a promise has to be, and what somebody holds. */
export function toSell(cell) {
  return cell.held > 0 ? `to sell: ${cell.atp}, held: ${cell.held}` : `to sell: ${cell.atp}`;
}

export class Stock {
  constructor(answer) {
    this.site = answer.site;
    this.name = answer.name;
    this.cursor = answer.cursor;
    this.asOf = answer.as_of;
    this.zones = new Map(answer.zones.map((zone) => [zone.zone, { ...zone }]));
    this.styles = answer.styles;
    this.cells = new Map();
    for (const style of answer.styles) {
      const title = titleOf(style);
      for (const row of style.colours) {
        for (const cell of row.cells) this.cells.set(cell.gtin, { ...cell, title, colour: row.colour });
      }
    }
  }

  /** Units in the whole site. */
  total() {
    let units = 0;
    for (const cell of this.cells.values()) units += cell.on_hand;
    return units;
  }

  /** How many SKUs are in each state. */
  states() {
    const counts = { out: 0, refill: 0, last: 0, fine: 0 };
    for (const cell of this.cells.values()) counts[stateOf(cell)] += 1;
    return counts;
  }

  /** Take an event of a SKU. Returns its cell; null when it is old news; undefined when the SKU is new here. */
  apply(event) {
    const cell = this.cells.get(event.gtin);
    if (cell === undefined) return undefined;
    if (event.version <= cell.version) return null;
    this.#moveUnits(cell.zones, -1);
    this.#moveUnits(event.zones, +1);
    const groups = { floor: 0, back: 0, other: 0 };
    groups.other = event.on_hand; // less what lies in zones: units without tags
    for (const [zone, units] of Object.entries(event.zones)) {
      groups[this.zones.get(zone)?.group ?? "other"] += units;
      groups.other -= units;
    }
    Object.assign(cell, groups, {
      zones: event.zones, on_hand: event.on_hand, atp: event.atp, held: event.held, status: event.status,
      version: event.version,
    });
    return cell;
  }

  /** Take the newest state of a zone. Returns the cells whose status changed with it. */
  applyZone(name, change) {
    const zone = this.zones.get(name);
    if (zone === undefined) return [];
    const before = zone.status;
    Object.assign(zone, change);
    if (zone.status === before) return [];
    const changed = [];
    for (const cell of this.cells.values()) {
      if (!(cell.zones[name] > 0)) continue;
      const status = Object.keys(cell.zones).some((at) => cell.zones[at] > 0 && this.zones.get(at)?.status !== "live") ? "stale" : "live";
      if (status !== cell.status) {
        cell.status = status;
        changed.push(cell);
      }
    }
    return changed;
  }

  #moveUnits(zones, sign) {
    for (const [name, units] of Object.entries(zones)) {
      const zone = this.zones.get(name);
      if (zone !== undefined) zone.units += sign * units;
    }
  }
}
