// Saying things: quietly to a screen reader, shortly to everybody, or aloud when something was not done.

import { setText } from "./nodes.js";

const SHORT_MS = 4_000;
const ALOUD_MS = 8_000;

export class Say {
  constructor(quiet, toast) {
    this.quietNode = quiet;
    this.toast = toast;
    this.timer = 0;
  }

  /** For a screen reader only. */
  quietly(text) {
    setText(this.quietNode, this.quietNode.textContent === text ? `${text}\u00a0` : text); // said again, too
  }

  /** Seen for a moment, and read out. */
  shortly(text) {
    this.#show(text, "said", SHORT_MS);
  }

  /** Something did not happen. */
  aloud(text) {
    this.#show(text, "failed", ALOUD_MS);
  }

  #show(text, kind, ms) {
    clearTimeout(this.timer);
    this.toast.hidden = false;
    this.toast.dataset.kind = kind;
    setText(this.toast, text);
    this.timer = setTimeout(() => {
      this.toast.hidden = true;
      setText(this.toast, "");
    }, ms);
  }
}
