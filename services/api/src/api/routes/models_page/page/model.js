// One model in full: its tensors, and a form that asks it.

import { ask, read } from "./api.js";
import { breakable } from "./list.js";
import { completed, elements, exampleOf, pretty } from "./tensors.js";

const MOST_CHARACTERS = 20_000;
const element = (id) => document.getElementById(id);
let shown = null; // its metadata
let asked = 0;

/** Show a model; it throws a Refusal where its metadata can't be had. */
export async function showModel(name) {
  const metadata = await read(pathOf(name));
  shown = metadata;
  element("name").replaceChildren(...breakable(name));
  element("platform").textContent = `Runs on ${metadata.platform}. A dimension of −1 takes any size; the first one counts rows where the model has batches.`;
  fill("inputs", metadata.inputs);
  fill("outputs", metadata.outputs);
  const options = ["", ...metadata.versions].map((version) => new Option(version || "the server's choice", version));
  element("version").replaceChildren(...options);
  reset();
  element("model").hidden = false;
}

export function hideModel() {
  shown = null;
  element("model").hidden = true;
}

/** Begin with the example again. */
export function reset() {
  element("request").value = exampleOf(shown);
  const long = JSON.parse(element("request").value).inputs.filter((input) => !("data" in input));
  const sizes = long.map(({ name, shape }) => `${name} has ${elements(shape).toLocaleString("en")} elements`);
  element("hint").textContent = long.length ? `${sizes.join(", ")}: an input without data is sent as zeros.` : "";
  element("answer").hidden = true;
  showAddress();
}

export function showAddress() {
  element("address").textContent = `POST ${new URL(infer(), document.baseURI)}`;
}

/** Send what is written, and show the answer; it throws a Refusal where none comes. */
export async function send() {
  const number = (asked += 1);
  element("answer").ariaBusy = "true";
  try {
    const body = completed(element("request").value);
    const answer = await ask(infer(), { method: "POST", headers: { "content-type": "application/json" }, body });
    if (number === asked) showAnswer(answer); // a later one overtook it
    return answer.status;
  } finally {
    element("answer").ariaBusy = "false";
  }
}

function showAnswer({ ok, status, text, took }) {
  const whole = pretty(text);
  const rest = whole.length - MOST_CHARACTERS;
  element("status").className = ok ? "good" : "bad";
  element("status").textContent = `${status} ${ok ? "OK" : "error"} · ${took.toFixed(took < 10 ? 1 : 0)} ms`;
  element("body").textContent = rest > 0 ? `${whole.slice(0, MOST_CHARACTERS)}\n… ${rest.toLocaleString("en")} more characters` : whole;
  element("answer").hidden = false;
}

const pathOf = (name) => `v2/models/${encodeURIComponent(name)}`;

function infer() {
  const version = element("version").value;
  return `${pathOf(shown.name)}${version ? `/versions/${version}` : ""}/infer`;
}

function fill(table, tensors) {
  const rows = tensors.map(({ name, datatype, shape }) => {
    const row = document.createElement("tr");
    for (const text of [name, datatype, `[${shape.join(", ").replaceAll("-", "−")}]`]) {
      const cell = document.createElement("td");
      cell.append(...breakable(text));
      row.append(cell);
    }
    return row;
  });
  element(table).tBodies[0].replaceChildren(...rows);
}
