// Asking the gateway. Every request says that it comes from this screen; every refusal becomes an error with its words.

import { learnClock } from "./clock.js";

export const FROM_SCREEN = { "X-Lastunit-Screen": "1" };
const TIMEOUT_MS = 8_000; // a person waits no longer for one press

export class AskError extends Error {
  /** `code` is the problem's code, or `no-connection` and `no-answer` when there was none. */
  constructor(code, message, { status = 0, problem = {} } = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.problem = problem;
  }
}

export class Api {
  /** `heard(ok)` is told of each answer and of each silence; `unpaired()` when this device may not ask any more. */
  constructor({ heard, unpaired }) {
    this.heard = heard;
    this.unpaired = unpaired;
  }

  get(path, timeoutMs = TIMEOUT_MS) {
    return this.#ask("GET", path, undefined, timeoutMs);
  }

  post(path, body) {
    return this.#ask("POST", path, body, TIMEOUT_MS);
  }

  async #ask(method, path, body, timeoutMs) {
    const headers = { ...FROM_SCREEN, Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response;
    try {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      response = await fetch(path, { method, headers, body: sent, cache: "no-store", signal: AbortSignal.timeout(timeoutMs) });
    } catch (error) {
      this.heard(false);
      const slow = error.name === "TimeoutError";
      throw new AskError(slow ? "no-answer" : "no-connection", slow ? "no answer" : "no connection");
    }
    learnClock(response);
    if (response.status >= 502 && response.status <= 504 && !isJson(response)) {
      this.heard(false); // a proxy answers in the place of a gateway that is away
      throw new AskError("no-connection", "the gateway is away", { status: response.status });
    }
    this.heard(true);
    return this.#taken(response);
  }

  async #taken(response) {
    const told = isJson(response) ? await response.json() : {};
    if (response.ok) return told;
    if (response.status === 401) this.unpaired(told.code);
    throw new AskError(told.code ?? "unknown", told.detail ?? response.statusText, { status: response.status, problem: told });
  }
}

function isJson(response) {
  return (response.headers.get("content-type") ?? "").includes("json");
}
