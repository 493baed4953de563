// Asking the gateway: figures every few seconds, lines a few at a time.

import { learnClock } from "/page/ages.js";

const TIMEOUT_MS = 8_000;
const AT_ONCE = 3; // of the six connections that a browser has: the figures must not wait for the lines

export class AskError extends Error {
  constructor(message, status, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The JSON at a path. Raises `AskError`; status 0: nobody answered. */
export async function get(path, parameters = {}) {
  const asked = new URLSearchParams(parameters).toString();
  let response;
  try {
    response = await fetch(asked ? `${path}?${asked}` : path, {
      headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new AskError(error.message, 0);
  }
  learnClock(response);
  if (!(response.headers.get("content-type") ?? "").includes("json")) throw new AskError(response.statusText, response.status);
  const told = await response.json();
  if (!response.ok) throw new AskError(told.detail ?? response.statusText, response.status, told.code);
  return told;
}

let running = 0;
const waiting = [];

async function inTurn(work) {
  if (running >= AT_ONCE) await new Promise((resolve) => { waiting.push(resolve); });
  running += 1;
  try {
    return await work();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

/** Spans that can be chosen: how long, and seconds of a value. */
export const SPANS = [
  { id: "6h", text: "6 hours", s: 21_600, step: 300 },
  { id: "24h", text: "24 hours", s: 86_400, step: 900 },
  { id: "7d", text: "7 days", s: 604_800, step: 7_200 },
];
export const SPARK = { s: 86_400, step: 1_800 };

/** A figure over the last seconds: {from, to, step (ms), unit, words, lines: [{tags, values}]}. */
export async function series(asked, { s, step }, site) {
  const from = new Date(Date.now() - s * 1000).toISOString();
  const more = site ? { site } : {};
  const told = await inTurn(() => get("/v1/series", { ...asked, ...more, from, step: String(step) }));
  return { from: Date.parse(told.from), to: Date.parse(told.to), step: told.step_s * 1000, unit: told.unit, words: told.words, lines: told.lines };
}
