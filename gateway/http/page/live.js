// The change stream of one site. The browser itself resumes with the last event id; what it cannot mend is reloaded.

const RELOAD_FIRST_MS = 500;
const RELOAD_MOST_MS = 10_000;

export class Live {
  /** `on` has the handlers `stock(event)`, `zone(event)`, `state(name)` and `reload()`. */
  constructor(on) {
    this.on = on;
    this.source = null;
    this.delay = RELOAD_FIRST_MS;
    this.timer = 0;
  }

  /** Follow a site from a cursor on. */
  open(site, cursor) {
    this.close();
    const source = new EventSource(`/v1/changes?site=${encodeURIComponent(site)}&cursor=${cursor}`);
    this.source = source;
    source.addEventListener("open", () => {
      this.delay = RELOAD_FIRST_MS;
      this.on.state("live");
    });
    source.addEventListener("stock", (event) => this.on.stock(JSON.parse(event.data)));
    source.addEventListener("zone", (event) => this.on.zone(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      this.on.state("connecting");
      if (source.readyState === EventSource.CLOSED) this.retry(); // refused: the cursor is dead, or too many streams
    });
  }

  /** Load everything again, later each time that it fails. */
  retry() {
    this.close();
    this.timer = setTimeout(() => this.on.reload(), this.delay);
    this.delay = Math.min(this.delay * 2, RELOAD_MOST_MS);
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
