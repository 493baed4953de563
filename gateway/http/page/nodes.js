// Making elements. Text only ever becomes a text node: what a catalogue says can never become markup.

/** An element with a class, attributes and children (strings become text). */
export function element(name, className, attributes = {}, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Set text only when it changed: an untouched node is neither painted nor announced again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** "1 unit", "1,204 units". */
export function counted(number, name) {
  return `${number.toLocaleString("en")} ${name}${number === 1 ? "" : "s"}`;
}
