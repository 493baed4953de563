// Whether the gateway is there. Nobody is told "live" by a wire that fell silent: without a word for `SILENT_MS` it is lost.
// Pure but for the clock that is passed in.

export const SILENT_MS = 12_000; // the screen asks every five seconds: two answers are missing

export class Link {
  /** `changed(state, since)` is called with "live", "connecting" or "down", and the time of the last word (ms). */
  constructor(changed, now = () => Date.now()) {
    this.changed = changed;
    this.now = now;
    this.state = "connecting";
    this.last = null; // when the gateway was last heard
  }

  get live() {
    return this.state === "live";
  }

  /** Something was heard, or asked and not answered. */
  heard(ok) {
    if (ok) this.last = this.now();
    this.#be(ok ? "live" : "down");
  }

  /** Time passes. Returns whether somebody should ask now. */
  tick() {
    if (this.live && this.now() - this.last > SILENT_MS) this.#be("down");
    return !this.live;
  }

  #be(state) {
    if (state === this.state) return;
    this.state = state;
    this.changed(state, this.last);
  }
}
