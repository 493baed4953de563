// The server's clock: a phone whose own clock is wrong must not show wrong ages or wrong time left.

let offsetMs = 0;

/** Learn the server's clock from a response. Its Date header has whole seconds: half a second is added. */
export function learnClock(response) {
  const date = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isFinite(date)) return;
  const measured = date + 500 - Date.now();
  if (Math.abs(measured - offsetMs) > 1500) offsetMs = measured;
}

/** Seconds from now until an instant, below 0 when it is past; NaN when there is none. */
export function secondsTo(instant) {
  return instant ? (Date.parse(instant) - Date.now() - offsetMs) / 1000 : NaN;
}

/** Seconds since an instant, never below 0; NaN when there is none. */
export function secondsSince(instant) {
  return Math.max(0, -secondsTo(instant));
}
