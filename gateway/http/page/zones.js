// One tile for each zone: how many units are there, and whether anybody is looking.

import { ago } from "./ages.js";
import { element, setText } from "./nodes.js";

const KINDS = {
  sales_floor: "Sales floor", back_room: "Back room", fitting_room: "Fitting room", checkout: "Checkout",
  receiving: "Receiving", exit: "Exit", window: "Window",
};
const LOOKS = { live: "", blind: "Stale", unknown: "No reader yet" };

/** An id that may break after an underscore or dash, not inside a word. */
function breakable(id) {
  return id.split(/(?<=[_-])/).flatMap((part) => [part, document.createElement("wbr")]);
}

export class ZonesView {
  constructor(root) {
    this.root = root;
    this.tiles = new Map();
  }

  /** Draw the tiles of a stock anew. A zone that counts as another one holds nothing itself: left out. */
  draw(stock) {
    this.stock = stock;
    this.tiles = new Map();
    for (const zone of stock.zones.values()) {
      if (zone.counts_as && zone.counts_as !== zone.zone) continue;
      const units = element("b", "units");
      const look = element("span", "look");
      const node = element("li", "zone", { "data-zone": zone.zone },
        element("span", "zone-name", {}, ...breakable(zone.zone)), element("span", "kind", {}, KINDS[zone.kind] ?? zone.kind), units, look);
      this.tiles.set(zone.zone, { node, units, look });
    }
    this.root.replaceChildren(...[...this.tiles.values()].map((tile) => tile.node));
    this.update();
  }

  /** Write the newest units and statuses into the tiles. */
  update() {
    for (const [name, tile] of this.tiles) {
      const zone = this.stock.zones.get(name);
      tile.node.dataset.status = zone.status;
      setText(tile.units, zone.units.toLocaleString("en"));
      const words = LOOKS[zone.status] ?? "Stale";
      setText(tile.look, zone.status === "blind" ? `${words} · read ${ago(zone.as_of)}` : words);
    }
  }
}
