// Requests a second and p99 of each model, out of two readings of the api's own metrics.

const COUNT = "api_inferences_total";
const BUCKET = "api_inference_duration_seconds_bucket";
const QUANTILE = 0.99;
const WINDOW_MS = 10_000;

/** Return the counters in Prometheus' text, by model, all versions together: { count, buckets: bound in s → count }. */
export function countersIn(text) {
  const models = new Map();
  for (const line of text.split("\n")) {
    if (!line.startsWith(`${COUNT}{`) && !line.startsWith(`${BUCKET}{`)) continue;
    const [, name, inside, value] = line.match(/^(\w+)\{(.*)\} (\S+)/) ?? [];
    if (!name) continue;
    const labels = Object.fromEntries(
      [...inside.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, raw]) => [label, unescaped(raw)]),
    );
    const found = models.get(labels.model) ?? { count: 0, buckets: new Map() };
    models.set(labels.model, found);
    if (name === COUNT) found.count += Number(value);
    else {
      const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
      found.buckets.set(bound, (found.buckets.get(bound) ?? 0) + Number(value));
    }
  }
  return models;
}

/** What happened in the last seconds: add readings, ask for the load of a model. */
export class Load {
  #readings = [];

  /** Add a reading of the counters at a time in milliseconds. */
  add(counters, at) {
    const before = this.#readings.at(-1);
    // Counters that went back belong to an api that was started again.
    const isReset = before && [...before.counters].some(([model, { count }]) => (counters.get(model)?.count ?? 0) < count);
    if (isReset) this.#readings = [];
    this.#readings.push({ counters, at });
    while (this.#readings.length > 2 && at - this.#readings[0].at > WINDOW_MS) this.#readings.shift();
  }

  /** Return { rate, p99 } in requests a second and seconds; null where not known. */
  of(model) {
    const [first, last] = [this.#readings[0], this.#readings.at(-1)];
    if (this.#readings.length < 2) return { rate: null, p99: null };
    const [before, after] = [first.counters.get(model), last.counters.get(model)];
    const rate = ((after?.count ?? 0) - (before?.count ?? 0)) / ((last.at - first.at) / 1000);
    return { rate, p99: after ? quantile(before?.buckets ?? new Map(), after.buckets) : null };
  }
}

/** Return the bound in seconds below which 99 of 100 lie, as Prometheus' histogram_quantile does. */
function quantile(before, after) {
  const bounds = [...after.keys()].sort((a, b) => a - b);
  const counts = bounds.map((bound) => after.get(bound) - (before.get(bound) ?? 0));
  const total = counts.at(-1) ?? 0;
  if (!total) return null;
  const wanted = QUANTILE * total;
  const i = counts.findIndex((count) => count >= wanted);
  const [low, below] = i ? [bounds[i - 1], counts[i - 1]] : [0, 0];
  if (bounds[i] === Infinity) return low;
  return low + (bounds[i] - low) * ((wanted - below) / (counts[i] - below));
}

const unescaped = (text) => text.replace(/\\(.)/g, (_, mark) => (mark === "n" ? "\n" : mark));
