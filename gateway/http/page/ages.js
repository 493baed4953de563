// Ages of instants, by the server's clock: a tablet whose own clock is wrong must not show wrong ages.

let offsetMs = 0;

/** Learn the server's clock from a response. Its Date header has whole seconds: half a second is added. */
export function learnClock(response) {
  const date = Date.parse(response.headers.get("date") ?? "");
  if (Number.isFinite(date)) {
    const measured = date + 500 - Date.now();
    offsetMs = Math.abs(measured - offsetMs) > 1500 ? measured : offsetMs;
  }
}

/** Seconds since an instant, never below 0; NaN when there is none. */
export function ageSeconds(instant) {
  return instant ? Math.max(0, (Date.now() + offsetMs - Date.parse(instant)) / 1000) : NaN;
}

/** An age in words: "now", "3 s", "4 min", "2 h", "5 d". */
export function inWords(seconds) {
  if (!Number.isFinite(seconds)) return "never";
  if (seconds < 1.5) return "now";
  if (seconds < 90) return `${Math.round(seconds)}\u00a0s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}\u00a0min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)}\u00a0h`;
  return `${Math.round(seconds / 86400)}\u00a0d`;
}

/** The same with "ago". */
export function ago(instant) {
  const words = inWords(ageSeconds(instant));
  return words === "now" || words === "never" ? words : `${words} ago`;
}
