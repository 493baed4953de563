// What numbers and levels are called. The page says a word or draws a sign wherever it uses a colour.

export const LEVELS = { act: "Act", look: "Look", good: "Good", unknown: "Not known" };
export const SIGNS = {
  act: "M8 1 15.5 14.5H.5Z M7.2 5.5h1.6v5H7.2Z M7.2 11.6h1.6v1.7H7.2Z",
  look: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Z M7.2 4h1.6v5H7.2Z M7.2 10.4h1.6V12H7.2Z",
  good: "M6.3 12.9 1.8 8.4l1.5-1.5 3 3 6.4-6.4 1.5 1.5Z",
  unknown: "M7.1 9.6c0-2 2.3-2.1 2.3-3.6 0-.9-.6-1.4-1.5-1.4S6.3 5.2 6.2 6.2L4.4 6C4.6 4.1 6 3 8 3s3.3 1.2 3.3 2.9c0 2.3-2.5 2.5-2.5 3.7Z M7 10.9h1.9v1.9H7Z",
};
const NAMED = {
  units: ["unit", "units"], skus: ["size", "sizes"], runs: ["run", "runs"], sizes: ["size", "sizes"], tasks: ["task", "tasks"],
  holds: ["hold", "holds"], alarms: ["alarm", "alarms"], rows: ["row", "rows"],
};
const TAGS = {
  site: "Store", zone: "Zone", department: "Department", device: "Device", edge: "Edge", task: "Task", gap: "Gap", channel: "Channel",
  mode: "Mode", band: "Said", kind: "Kind",
};

/** What a tag is called at the head of a column. */
export function tagName(tag) {
  return TAGS[tag] ?? tag.charAt(0).toUpperCase() + tag.slice(1);
}

/** A tag's value as people say it; "-" is what nobody named. */
export function tagText(value) {
  return value === "-" ? "not named" : value.replaceAll("_", " ");
}

function round(value) {
  const places = Math.abs(value) >= 10 || Number.isInteger(value) ? 0 : 1;
  return value.toLocaleString("en", { maximumFractionDigits: places });
}

function share(value) {
  const percent = value * 100;
  const text = percent > 99 && percent < 100 ? Math.floor(percent * 10) / 10 : Math.round(percent * 10) / 10;
  return `${percent < 99 && percent >= 10 ? Math.round(percent) : text}\u00a0%`;
}

/** A span of time: "0 s", "40 s", "12 min", "3 h", "2 d". */
export function span(seconds) {
  if (seconds < 90) return `${round(seconds)}\u00a0s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}\u00a0min`;
  if (seconds < 129600) return `${round(seconds / 3600)}\u00a0h`;
  return `${round(seconds / 86400)}\u00a0d`;
}

/** A value and its unit, apart: ["12", "sizes"], ["93 %", ""]. */
export function parts(value, unit) {
  if (value === null || value === undefined) return ["–", ""];
  if (unit === "share" || unit === "probability") return [share(value), ""];
  if (unit === "s") return [span(value), ""];
  if (unit === "ms") return value < 1000 ? [`${Math.round(value)}\u00a0ms`, ""] : [span(value / 1000), ""];
  const [one, many] = NAMED[unit] ?? ["", ""];
  return [round(value), value === 1 ? one : many];
}

/** A value with its unit. */
export function valueText(value, unit) {
  return parts(value, unit).filter(Boolean).join("\u00a0");
}

/** A figure as a person reads it: its word where it has one. */
export function figureText(figure, unit = figure.unit) {
  return figure.word || valueText(figure.value, unit);
}

/** "3 figures", "1 figure". */
export function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
