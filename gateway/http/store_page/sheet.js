// A question with large answers, over the page. Escape and a press beside it close it; focus comes back to where it was.

import { button, element } from "./nodes.js";

let opened = null;

/** Whether a question is open: a scan is not an answer to it. */
export function isOpen() {
  return opened?.open === true; // at once when it closes, not only when its event comes
}

/** Open a sheet with this title and these nodes. Returns what closes it. */
export function openSheet(title, ...nodes) {
  opened?.close();
  const close = button("act sheet-close", "Close");
  const heading = element("h2", "sheet-title", { id: "sheet-title" }, title);
  const sheet = element("dialog", "sheet", { "aria-labelledby": "sheet-title" }, element("div", "sheet-inner", {}, heading, ...nodes, close));
  close.addEventListener("click", () => sheet.close());
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  sheet.addEventListener("close", () => {
    sheet.remove();
    if (opened === sheet) opened = null;
  });
  document.body.append(sheet);
  sheet.showModal();
  opened = sheet;
  return sheet;
}

/** Ask for one of several answers: [value, words, smaller words]. Gives the value, or null when nothing was chosen. */
export function choose(title, answers) {
  return new Promise((resolve) => {
    let chosen = null;
    const list = element("ul", "answers");
    for (const [value, words, more] of answers) {
      const answer = button("answer", element("b", "", {}, words), ...(more ? [element("span", "", {}, more)] : []));
      answer.addEventListener("click", () => {
        chosen = value;
        sheet.close();
      });
      list.append(element("li", "", {}, answer));
    }
    const sheet = openSheet(title, list);
    sheet.addEventListener("close", () => resolve(chosen));
  });
}
