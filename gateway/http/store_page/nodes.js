// Making elements, and keeping them: what is drawn again stays the same node, so that focus and a finger stay on it.

/** An element with a class, attributes and children; strings become text and can never become markup. */
export function element(name, className = "", attributes = {}, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A button of this page: it submits nothing. */
export function button(className, ...children) {
  return element("button", className, { type: "button" }, ...children);
}

/** Set text only when it changed: an untouched node is neither painted nor announced again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/** Let the children of `parent` be `nodes`, in this order; those that are right already are not touched. */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const node of nodes) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
}

/** Draw, and leave the focus where it was; what had it and is gone hands it to the next one with a `data-key`. */
export function keepingFocus(root, draw, fallback) {
  const had = document.activeElement;
  if (had === null || !root.contains(had)) {
    draw();
    return;
  }
  const keyed = [...root.querySelectorAll("[data-key]")];
  const own = keyed.findIndex((node) => node.contains(had));
  draw();
  if (document.activeElement === had) return;
  if (had.isConnected && had.checkVisibility()) {
    had.focus({ preventScroll: true });
    return;
  }
  const next = own < 0 ? undefined : keyed.slice(own + 1).find((node) => node.isConnected);
  const pressable = [...(next?.querySelectorAll("button, a[href]") ?? [])].find((node) => node.checkVisibility());
  (pressable ?? fallback).focus({ preventScroll: true });
}

/** A dot in the colour, when the browser knows a colour of that name. */
export function swatch(colour) {
  const name = (colour ?? "").toLowerCase().replaceAll(/[\s-]/g, "");
  if (!/^[a-z]+$/.test(name) || !CSS.supports("color", name)) return "";
  const dot = element("span", "swatch", { "aria-hidden": "true" });
  dot.style.setProperty("background-color", name);
  return dot;
}
