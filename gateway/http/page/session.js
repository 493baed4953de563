// Who is looking. Without keys everybody at this machine; with keys whoever shows one, once: the browser keeps it in a
// cookie that no script can read.

import { setText } from "./nodes.js";

const PATH = "/session";
const STAFF = "staff:read";

export class SessionView {
  /** `form` takes the key, `leave` ends the session; `changed` is called when somebody has signed in. */
  constructor(form, leave, changed) {
    this.form = form;
    this.leave = leave;
    this.scopes = [];
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#signIn().then((done) => done && changed());
    });
    leave.addEventListener("click", () => this.#ask("DELETE").finally(() => location.reload()));
  }

  /** Ask who is looking, show the form to nobody. Returns whether there is anything to load. */
  async begin() {
    const answer = await (await this.#ask("GET")).json();
    this.#shows(answer);
    return answer.channel !== null;
  }

  /** Whether single items may be seen: where they went. */
  get staff() {
    return this.scopes.includes(STAFF);
  }

  /** The key has ended, or there was none: ask for one. */
  ask() {
    this.#shows({ needed: true, channel: null, scopes: [] });
  }

  #shows({ needed, channel, scopes }) {
    this.scopes = scopes ?? [];
    document.body.dataset.session = channel === null ? "none" : this.staff ? "staff" : "channel";
    this.form.hidden = channel !== null;
    this.leave.hidden = !needed || channel === null;
    if (channel === null) this.form.elements.key.focus();
  }

  async #signIn() {
    const field = this.form.elements.key;
    const said = this.form.querySelector("[role=alert]");
    try {
      const answer = await this.#ask("POST", { key: field.value.trim() });
      const told = await answer.json();
      setText(said, answer.ok ? "" : told.detail ?? answer.statusText);
      field.setAttribute("aria-invalid", String(!answer.ok));
      if (!answer.ok) return false;
      field.value = "";
      return this.begin();
    } catch (error) {
      setText(said, `The gateway does not answer: ${error.message}`);
      return false;
    }
  }

  #ask(method, body) {
    const json = { "Content-Type": "application/json" };
    return fetch(PATH, body === undefined ? { method } : { method, headers: json, body: JSON.stringify(body) });
  }
}
