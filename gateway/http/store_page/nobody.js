// Sizes that the floor lacks, and for which nobody is sent: each says why, so that nobody walks for nothing.

import { element, setText, show } from "./nodes.js";
import { counted, zoneName } from "./words.js";

const MOST = 50;
const WHY = {
  blind_floor: "Nobody reads the floor there", blind_back: "Nobody reads the back room", untagged: "Units without tags: count them",
  held: "All kept for orders", refused: "Looked for, not found: count it", unsure: "Not sure enough that it is there", full: "Others come first",
};

export class NobodySent {
  constructor(root, { api, site }) {
    Object.assign(this, { api, site });
    this.sum = element("summary");
    this.list = element("ul", "items");
    this.node = element("details", "how", {}, this.sum, this.list);
    show(this.node, false);
    root.append(this.node);
  }

  async load() {
    if (this.absent) return;
    try {
      const answer = await this.api.get(`/v1/replenishment/not-now?${new URLSearchParams({ site: this.site, limit: String(MOST) })}`);
      this.#draw(answer.not_now.filter((row) => WHY[row.why] !== undefined), answer.next !== null);
    } catch (error) {
      this.absent = error.status === 404; // this gateway does not say
      if (this.absent) show(this.node, false);
    }
  }

  #draw(rows, more) {
    show(this.node, rows.length > 0);
    setText(this.sum, `Missing on the floor, nobody is sent: ${counted(rows.length, "size")}${more ? " and more" : ""}`);
    const text = JSON.stringify(rows);
    if (this.drawn === text) return;
    this.drawn = text;
    this.list.replaceChildren(...rows.map((row) => element("li", "item", {},
      element("span", "item-where", {}, element("b", "", {}, [row.style, row.colour, row.size].filter(Boolean).join(" ")), element("span", "soft", {}, [row.department && zoneName(row.department), WHY[row.why]].filter(Boolean).join(" · "))))));
  }
}
