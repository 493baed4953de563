// A scanner that types: keys faster than a hand, ended by Enter or Tab, wherever the focus is. What it types is taken
// away from the page: it presses no button and stays in no field.

const GAP_MS = 250; // between two keys of one scan at most: a busy phone hands them on late
const KEY_MS = 60; // on average, where a person could be typing, too: scanners need 1 to 30, the fastest typists 80
const SHORTEST = 6; // EAN-8 has eight, the UPC-E of a small pack six
const LONGEST = 512;

export class Wedge {
  /** `scanned(text)` gets each scan; `target` is where keys are heard. */
  constructor(scanned, target = document) {
    this.scanned = scanned;
    this.#forget();
    target.addEventListener("keydown", (event) => this.#key(event), { capture: true });
  }

  #forget() {
    this.text = "";
    this.from = 0;
    this.at = -Infinity;
    this.field = null;
    this.before = "";
  }

  #key(event) {
    if (event.isComposing || event.altKey || event.metaKey) return;
    const late = event.timeStamp - this.at > GAP_MS;
    if (event.key === "Enter" || event.key === "Tab") {
      const text = this.text;
      const field = this.field;
      const before = this.before;
      const typing = field !== null && event.timeStamp - this.from > KEY_MS * text.length;
      this.#forget();
      if (late || typing || text.length < SHORTEST) return;
      event.preventDefault();
      event.stopPropagation();
      if (field !== null) {
        field.value = before;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
      this.scanned(text);
      return;
    }
    const typed = event.ctrlKey ? (event.key === "]" ? "\u001d" : "") : event.key.length === 1 ? event.key : ""; // FNC1 comes as Ctrl+]
    if (typed === "") return;
    if (late || this.text.length >= LONGEST) {
      this.#forget();
      this.from = event.timeStamp;
      const field = event.target;
      if (field instanceof HTMLInputElement) {
        this.field = field;
        this.before = field.value;
      }
    }
    this.at = event.timeStamp;
    this.text += typed;
    if (this.text.length > 2 && this.field === null) event.preventDefault(); // a blank would press the focused button
  }
}
