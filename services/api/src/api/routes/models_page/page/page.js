// Puts the page together: reads what is served and how much it is asked, again and again while the page is in view.

import { ask, read, Refusal } from "./api.js";
import { choose, showLoad, showModels } from "./list.js";
import { countersIn, Load } from "./load.js";
import { hideModel, reset, send, showAddress, showModel } from "./model.js";
import { Trouble } from "./trouble.js";

const PERIOD_MS = 2000;
const LIST_EVERY = 5; // readings
const element = (id) => document.getElementById(id);
const load = new Load();
const trouble = new Trouble(element("trouble"), start);
let models = new Map(); // name → versions
let chosen = "";
let readings = 0;

async function readModels() {
  const rows = await read("v2/repository/index", { method: "POST" });
  models = new Map();
  for (const { name, version } of rows) models.set(name, [...(models.get(name) ?? []), version]);
  showModels(models);
  element("summary").textContent = `${models.size} ${models.size === 1 ? "model" : "models"} served through NVIDIA Triton.`;
  await showChosen();
}

/** Show the model that the address names, else the first. */
async function showChosen() {
  const named = [...models.keys()].find((name) => `#${encodeURIComponent(name)}` === location.hash);
  const name = named ?? models.keys().next().value ?? "";
  const versions = `${name} ${models.get(name)}`;
  choose(name);
  if (versions === chosen) return;
  chosen = "";
  if (!name) hideModel();
  else if (await showModel(name)) chosen = versions;
}

async function readLoad() {
  const { ok, text } = await ask("metrics");
  if (!ok) return; // metrics may be closed to this key; the models aren't
  load.add(countersIn(text), performance.now());
  showLoad(load);
}

async function guarded(work) {
  try {
    await work();
    trouble.clear();
    return true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    trouble.say(error.message, { canRetry: error.status !== 401, asksForKey: error.status === 401 });
    return false;
  }
}

async function tick() {
  // While a key is asked for, asking again would only count as wrong keys do.
  if (document.visibilityState === "visible" && !trouble.asksForKey) {
    if (readings % LIST_EVERY === 0 || trouble.isShown) await guarded(readModels);
    if (!trouble.isShown) await readLoad().catch(() => {}); // the next list says what is wrong
    readings += 1;
  }
  setTimeout(tick, PERIOD_MS);
}

async function start() {
  if (await guarded(readModels)) await readLoad().catch(() => {});
}

element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  guarded(async () => {
    if ((await send()) === 401) await readModels(); // which says so and asks for the key
  });
});
element("request").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element("ask").requestSubmit();
});
element("reset").addEventListener("click", reset);
element("version").addEventListener("change", showAddress);
addEventListener("hashchange", async () => {
  if (await guarded(showChosen)) element("name").focus();
});

tick();
