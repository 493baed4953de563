// What the screen says: kinds, places, times, reasons. Short enough to be read while walking.

import { secondsSince, secondsTo } from "./clock.js";

export const KINDS = {
  refill: "Refill", find: "Find", pick: "Pick", pack: "Pack", hand_over: "Hand over", put_back: "Put back", check: "Check",
};
export const MODES = { pickup: "customer collects", ship_from_store: "to be sent", ship: "to be sent" };
export const DONE = {
  refill: "Brought", find: "Found", pick: "Picked", pack: "Packed", hand_over: "Handed over", put_back: "Put back", check: "Checked",
};
export const URGENCIES = [["overdue", "Late"], ["now", "Within half an hour"], ["soon", "Within two hours"], ["later", "Later"]];
const ZONE_KINDS = {
  sales_floor: "sales floor", back_room: "back room", fitting_room: "fitting room", checkout: "checkout",
  receiving: "receiving", exit: "exit", window: "window",
};
const STATES = {
  missing: "was not found", damaged: "damaged", sold: "sold", returned_unchecked: "returned, not checked yet",
  in_transit: "on its way to another store", left_unsold: "left the store unsold",
};

/** A zone as people say it: "FLOOR_WOMEN" is "Floor women", "A1" and "POS" stay. */
export function zoneName(id) {
  if (!id) return "";
  if (id === "OUT") return "Not in the store";
  const words = id.split(/[_-]+/).filter(Boolean).map((word) => (/\d/.test(word) || word.length === 1 || id.length < 4 ? word : word.toLowerCase()));
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What kind of zone that is; empty when its name says it already. */
export function zoneKind(kind) {
  return ZONE_KINDS[kind] ?? "";
}

/** What an item is besides being there; empty when it is for sale. */
export function stateWords(state) {
  return !state || state === "available" ? "" : STATES[state] ?? state.replaceAll("_", " ");
}

/** A span of time: "now", "40 s", "12 min", "3 h", "2 d". */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return seconds < 5 ? "a moment" : `${Math.round(seconds)}\u00a0s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}\u00a0min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)}\u00a0h`;
  return `${Math.round(seconds / 86400)}\u00a0d`;
}

/** "12 min ago"; "never" when there is no instant. */
export function ago(instant) {
  const seconds = secondsSince(instant);
  if (!Number.isFinite(seconds)) return "never";
  return seconds < 5 ? "just now" : `${span(seconds)} ago`;
}

/** How long until a task is due: "12 min left", "8 min late". */
export function timeLeft(instant) {
  const seconds = secondsTo(instant);
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 0) return seconds > -60 ? "due now" : `${span(-seconds)} late`;
  return seconds < 60 ? "due now" : `${span(seconds)} left`;
}

/** Time of day, on this device. */
export function timeOfDay(date) {
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/** How sure a place is, in words and per cent. */
export function sureness(confidence) {
  if (confidence === null || confidence === undefined) return { word: "Not sure", text: "nobody looks there now", level: "none" };
  const percent = `${Math.min(99, Math.round(confidence * 100))}\u00a0%`;
  if (confidence >= 0.9) return { word: "Sure", text: percent, level: "high" };
  if (confidence >= 0.6) return { word: "Likely", text: percent, level: "middle" };
  return { word: "Doubtful", text: percent, level: "low" };
}

/** The end of a serial, as it is told apart from others in the hand. */
export function shortSerial(serial) {
  return serial.length > 6 ? `…${serial.slice(-6)}` : serial;
}

/** The serial in a Digital Link. */
export function serialOf(link) {
  const found = /\/21\/([^/?#]+)/.exec(link ?? "");
  return found === null ? "" : decodeURIComponent(found[1]);
}

/** What people call a SKU: its style's words without its colour and size. */
export function nameOf(row) {
  let text = (row.description || row.style || row.gtin || "").trim();
  for (const end of [row.size, row.colour]) {
    if (end && text.toLowerCase().endsWith(end.toLowerCase())) text = text.slice(0, -end.length).replace(/[\s,;/-]+$/, "");
  }
  return text || row.style || row.gtin;
}

/** "1 unit", "12 units". */
export function counted(number, name) {
  return `${number.toLocaleString("en")} ${name}${number === 1 ? "" : "s"}`;
}

/** What a refusal means to a person in the store. */
export function refusal(error) {
  if (error.code === "no-connection") return "Not sent: there is no connection.";
  if (error.code === "no-answer") return "No answer yet. Try again: doing it twice does no harm.";
  if (error.code === "task-claimed") return `${error.problem.value || "Somebody else"} has this one.`;
  if (error.code === "wrong-state") return "This has changed meanwhile. Look at it again.";
  if (error.code === "task-changed") return "This has changed meanwhile. Look at it again.";
  if (error.code === "unknown-task") return "This is not to be done any more.";
  if (error.code === "rate-limited" || error.code === "too-many-requests") return "Too many at once. Wait a moment, then try again.";
  if (error.code === "busy" || error.code === "unavailable") return "The gateway is busy. Try again in a moment.";
  if (error.code === "item-not-held") return "This item is not one of this order, and cannot stand in for one.";
  if (error.code === "scope-missing") return "This screen may only read. Pair it to act.";
  return error.message;
}
