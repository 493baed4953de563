// Scales of charts. Pure: numbers in, numbers out.

/** About `wanted` round numbers from 0 (or `low`) to above `high`. */
export function ticks(low, high, wanted) {
  const room = Math.max(high - low, 1e-9) / wanted;
  const power = 10 ** Math.floor(Math.log10(room));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((found) => found >= room * 0.999);
  const found = [];
  for (let n = Math.floor(low / step + 1e-9); n * step < high + step * 0.999; n += 1) found.push(Number((n * step).toPrecision(12)));
  return found;
}

const TIMES = [30, 60, 120, 300, 600, 900]; // seconds: rounder for times than tens
/** Ticks of durations in seconds: whole minutes, quarters, hours, days. */
export function durationTicks(high, wanted) {
  const steps = [...TIMES, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];
  const step = steps.find((found) => found >= Math.max(high, 30) / wanted) ?? steps.at(-1);
  const found = [];
  for (let at = 0; at < high + step * 0.999; at += step) found.push(at);
  return found.length > 1 ? found : [0, step];
}

/** Instants (ms) in [from, to] that a clock on a wall calls round, at most `most` of them. */
export function timeTicks(from, to, most) {
  const hour = 3_600_000;
  const step = [1, 2, 3, 6, 12, 24, 48, 168].map((n) => n * hour).find((found) => (to - from) / found <= most) ?? 336 * hour;
  const shift = new Date(from).getTimezoneOffset() * 60_000;
  const found = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) found.push(at);
  return found;
}

/** Runs of known values, as [index, value] pairs: a line is broken where nothing is known. */
export function runs(values) {
  const found = [];
  let run = [];
  values.forEach((value, index) => {
    if (value === null) {
      if (run.length > 0) found.push(run);
      run = [];
    } else run.push([index, value]);
  });
  return run.length > 0 ? [...found, run] : found;
}

/** The newest value of the last `back` steps, or null: the last step may have just begun. */
export function newest(values, back = 2) {
  for (let index = values.length - 1; index >= Math.max(0, values.length - back); index -= 1) {
    if (values[index] !== null) return values[index];
  }
  return null;
}
