// Server-sent events by fetch: unlike EventSource it can say who asks, hears the heartbeats, and notices their absence.
// After every break it opens again, a little later each time and not in step with the other screens.

import { FROM_SCREEN } from "./api.js";

const FIRST_MS = 500;
const MOST_MS = 10_000;
const SILENT_MS = 40_000; // a heartbeat comes every fifteen seconds

/** Take bytes apart into events: returns the finished ones and what is left over. */
export function taken(text) {
  const parts = text.split("\n\n");
  const rest = parts.pop();
  const events = [];
  for (const part of parts) {
    const event = { name: "message", data: "", id: "" };
    for (const line of part.split("\n")) {
      if (line.startsWith("event: ")) event.name = line.slice(7);
      else if (line.startsWith("data: ")) event.data += line.slice(6);
      else if (line.startsWith("id: ")) event.id = line.slice(4);
    }
    if (event.data !== "") events.push(event);
  }
  return [events, rest];
}

/** How long to wait before the next attempt: doubled each time, spread over its second half. */
export function pause(attempt, random = Math.random) {
  const whole = Math.min(MOST_MS, FIRST_MS * 2 ** attempt);
  return whole / 2 + (random() * whole) / 2;
}

export class EventStream {
  /** `on`: `open()`, `event(name, data, id)`, `heard(ok)`, `refused(status)` whose false ends it. `path()` may change. */
  constructor(path, on) {
    this.path = path;
    this.on = on;
    this.attempt = 0;
    this.turn = 0;
    this.timer = 0;
    this.abort = null;
  }

  open() {
    this.close();
    this.#run((this.turn += 1));
  }

  close() {
    this.turn += 1;
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
  }

  async #run(turn) {
    const abort = new AbortController();
    this.abort = abort;
    let watchdog = 0;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENT_MS);
      this.on.heard(true);
    };
    let again = true;
    try {
      const headers = { ...FROM_SCREEN, Accept: "text/event-stream" };
      const response = await fetch(this.path(), { headers, cache: "no-store", signal: abort.signal });
      if (turn !== this.turn) return;
      if (!response.ok || response.body === null) {
        again = this.on.refused(response.status);
      } else {
        this.on.open();
        await this.#read(response.body.getReader(), turn, alive);
      }
    } catch {
      // the connection broke: below it is opened again
    } finally {
      clearTimeout(watchdog);
    }
    if (turn !== this.turn || !again) return;
    this.on.heard(false);
    this.timer = setTimeout(() => turn === this.turn && this.#run(turn), pause(this.attempt));
    this.attempt += 1;
  }

  async #read(reader, turn, alive) {
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done || turn !== this.turn) return;
      alive();
      this.attempt = 0;
      const [events, rest] = taken(text + decoder.decode(value, { stream: true }));
      text = rest;
      for (const event of events) this.on.event(event.name, event.data, event.id);
    }
  }
}
