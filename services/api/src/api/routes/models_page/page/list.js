// The table of the models: versions, requests a second, p99, and how the first went in the last minutes.

const POINTS = 60; // of the line, one a reading
const SVG = "http://www.w3.org/2000/svg";
const rows = new Map();
const table = document.getElementById("models");

/** Show these models: name → versions. */
export function showModels(models) {
  for (const [name, row] of rows) {
    if (models.has(name)) continue;
    row.row.remove();
    rows.delete(name);
  }
  for (const [name, versions] of models) {
    if (!rows.has(name)) rows.set(name, makeRow(name));
    rows.get(name).versions.textContent = versions.join(", ");
    table.tBodies[0].append(rows.get(name).row); // in the order of their names
  }
  table.hidden = document.getElementById("window").hidden = !models.size;
  document.getElementById("none").hidden = models.size > 0;
}

/** Mark the model that is shown in full. */
export function choose(chosen) {
  for (const [name, { row, link }] of rows) {
    row.classList.toggle("chosen", name === chosen);
    if (name === chosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** Show the load of every model. */
export function showLoad(load) {
  for (const [name, { rate, p99, trend, line }] of rows) {
    const now = load.of(name);
    rate.textContent = now.rate === null ? "–" : digits(now.rate);
    p99.textContent = now.p99 === null ? "–" : `${digits(now.p99 * 1000)} ms`;
    if (now.rate === null) continue;
    trend.push(now.rate);
    trend.splice(0, trend.length - POINTS);
    const most = Math.max(...trend, 1);
    const at = (value, i) => `${(100 * (POINTS - trend.length + i)) / (POINTS - 1)},${24 - (22 * value) / most}`;
    line.setAttribute("points", trend.map(at).join(" "));
  }
}

function makeRow(name) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  const link = document.createElement("a");
  head.scope = "row";
  link.href = `#${encodeURIComponent(name)}`;
  link.append(...breakable(name));
  head.append(link);
  const [versions, rate, p99, last] = [..."1234"].map(() => document.createElement("td"));
  rate.className = p99.className = "number";
  rate.textContent = p99.textContent = "–";
  last.className = "trend";
  const svg = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "polyline");
  svg.setAttribute("viewBox", "0 0 100 25");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("vector-effect", "non-scaling-stroke");
  svg.append(line);
  last.append(svg);
  row.append(head, versions, rate, p99, last);
  return { row, link, versions, rate, p99, line, trend: [] };
}

/** Return the name as nodes, with places to break it between its words. */
export function breakable(name) {
  return name.split(/(?<=[_./-])/).flatMap((part) => [part, document.createElement("wbr")]);
}

const digits = (value) => (value >= 100 || value === 0 ? value.toFixed(0) : value.toPrecision(2));
