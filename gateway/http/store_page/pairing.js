// A device that is not paired: it asks for the code that `lastunit pair` printed.

import { button, element, setText } from "./nodes.js";

const CODE_CHARS = 8;
const ACT = "Pair this device";

/** The code as it is printed: XXXX-XXXX. What people confuse is put right: O is 0, I and L are 1. */
export function written(text) {
  const plain = text.toUpperCase().replaceAll(/[^0-9A-Z]/g, "").replaceAll("O", "0").replaceAll(/[IL]/g, "1").slice(0, CODE_CHARS);
  return plain.length > 4 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : plain;
}

export class PairingView {
  /** `paired()` is called when the device may ask. */
  constructor(root, api, site, paired) {
    Object.assign(this, { root, api, site, paired });
    this.code = element("input", "code", {
      id: "code", name: "code", required: "", autocomplete: "one-time-code", autocapitalize: "characters", spellcheck: "false",
      inputmode: "text", maxlength: "12", "aria-describedby": "code-help code-error", placeholder: "XXXX-XXXX",
    });
    this.device = element("input", "device", { id: "device", name: "device", autocomplete: "off", maxlength: "64", placeholder: "Phone 3" });
    this.error = element("p", "card-error", { id: "code-error", role: "alert" });
    this.submit = element("button", "act first", { type: "submit" }, ACT);
    const form = element("form", "pair-form", { novalidate: "" },
      element("label", "", { for: "code" }, "Code"), this.code, this.error,
      element("label", "", { for: "device" }, "Name of this device ", element("span", "soft", {}, "(if you like)")), this.device, this.submit);
    root.replaceChildren(
      element("h2", "view-title", { id: "pairing-title", tabindex: "-1" }, "Pair this device"),
      element("p", "lead", { id: "code-help" }, "Ask your manager for a pairing code of this store, and type its eight characters. It is good for five minutes, once."),
      form,
      element("details", "how", {}, element("summary", "", {}, "Where do codes come from?"),
        element("p", "", {}, "On the gateway’s machine: ", element("code", "", {}, `lastunit pair --site ${site || "store-001"}`))));
    this.code.addEventListener("input", () => this.#format());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#pair();
    });
  }

  /** Show the form; a code in the address (from a QR code) is filled in and taken out of the address. */
  open(words = "") {
    const given = new URLSearchParams(location.hash.slice(1)).get("pair");
    if (given !== null) {
      history.replaceState(null, "", location.pathname);
      this.code.value = written(given);
    }
    setText(this.error, words);
    (given === null ? this.code : this.submit).focus();
  }

  #format() {
    const { code } = this;
    if (code.selectionStart !== code.value.length) return; // somebody mends the middle: leave the caret alone
    code.value = written(code.value);
  }

  async #pair() {
    const code = written(this.code.value);
    if (code.replace("-", "").length !== CODE_CHARS) {
      this.#refuse("The code has eight characters.");
      return;
    }
    if (this.submit.getAttribute("aria-disabled") === "true") return;
    this.submit.setAttribute("aria-disabled", "true");
    setText(this.submit, "Pairing …");
    try {
      const name = this.device.value.trim();
      await this.api.post("/store/pair", { site: this.site, code, ...(name ? { name } : {}) });
      this.code.value = "";
      this.code.removeAttribute("aria-invalid");
      setText(this.error, "");
      this.paired();
    } catch (error) {
      this.#refuse(refused(error));
    } finally {
      this.submit.removeAttribute("aria-disabled");
      setText(this.submit, ACT);
    }
  }

  #refuse(words) {
    setText(this.error, words);
    this.code.setAttribute("aria-invalid", "true");
    this.code.focus();
    this.code.select();
  }
}

function refused(error) {
  if (error.code === "pairing-refused") return "This code is wrong, used, or older than five minutes. Ask for a new one.";
  if (error.code === "too-many-requests") return "Too many attempts. Wait a minute, then try again.";
  if (error.code === "no-connection" || error.code === "no-answer") return "No connection to the gateway. Try again.";
  return error.message;
}

/** Without a store in the address: the stores there are, to choose one. */
export function storesView(root, sites) {
  const list = element("ul", "answers");
  for (const site of sites) {
    list.append(element("li", "", {}, element("a", "answer", { href: `/store/${encodeURIComponent(site.site)}` }, element("b", "", {}, site.name || site.site), element("span", "", {}, site.site))));
  }
  root.replaceChildren(
    element("h2", "view-title", { id: "stores-title", tabindex: "-1" }, "Which store?"),
    sites.length > 0 ? list : element("p", "lead", {}, "The address of a store’s screen is /store/ and the store’s id. Ask your manager for it."));
}

/** What stands in the sheet of this device: who one is, and the way out. */
export function deviceForm({ person, paired, renamed, unpair }) {
  const name = element("input", "device", { id: "person", autocomplete: "name", maxlength: "64", placeholder: person.device });
  name.value = person.name;
  const keep = button("act first", "Keep");
  keep.addEventListener("click", () => renamed(name.value));
  name.addEventListener("keydown", (event) => event.key === "Enter" && renamed(name.value));
  const parts = [
    element("label", "", { for: "person" }, "Your name ", element("span", "soft", {}, "(others see it on the tasks that you take)")), name, keep,
  ];
  if (paired) {
    const out = button("act danger", "Unpair this device");
    out.addEventListener("click", () => {
      if (out.dataset.sure === "true") unpair();
      else {
        out.dataset.sure = "true";
        setText(out, "Press again: it needs a new code then");
      }
    });
    parts.push(out);
  }
  return parts;
}
