// Many pictures: sends them as a job, follows it, and shows what was read.

import { Refusal } from "./api.js";
import { filesOf } from "./archive.js";
import { csvOf, save } from "./csv.js";
import * as jobs from "./jobs.js";
import { Picture } from "./picture.js";
import * as table from "./table.js";
import { Trouble } from "./trouble.js";

const element = (id) => document.getElementById(id);
const POLL_MS = 500;
const LEAST_PATIENCE_S = 2;
const LARGE_BYTES = 500_000; // smaller files are sent as they are
const STAGES = {
  queued: "Waiting for a worker", running: "Reading", done: "Done", failed: "Nothing could be read", cancelled: "Cancelled",
};
let isOff = false;
let isRunning = false; // from the choice of files to the job's end
let isFollowing = false; // a refusal that may pass is asked about again by itself
let stage = "";
let job = null;
let results = [];
let again = check; // what "try again" does

export const isArchive = ({ name, type }) => /\.zip$/i.test(name) || /^application\/(x-)?zip/.test(type);

export const complain = (words) => trouble.say(words);

/** Show the view, with the job of an id where one is given. */
export function open(id) {
  if (isRunning) return;
  if (!id) check();
  else if (id !== job?.id) follow(id, () => null);
}

/** Send files, and show what is read in them. */
export async function take(files) {
  if (isRunning) return complain("One job at a time: wait for its end, or cancel it.");
  [isRunning, job, results] = [true, null, []];
  table.clear(() => null);
  trouble.clear();
  await submit(await prepared(files), newKey());
}

async function check() {
  await guarded(check, jobs.check);
}

/** Make pictures smaller that are large. */
async function prepared(files) {
  const small = [];
  for (const file of files) {
    showStage("Making the pictures smaller", small.length, files.length);
    const isLarge = file.size > LARGE_BYTES && !isArchive(file);
    small.push(isLarge ? await (await Picture.of(file)).toFile() : file);
  }
  return small;
}

async function submit(files, key) {
  isRunning = true;
  showStage("Sending");
  const { found: made } = await guarded(() => submit(files, key), () => jobs.send(files, key));
  isRunning = false;
  if (!made) return showStage("");
  // For a reload; unless the other view was opened meanwhile.
  if (!element("many").hidden) history.replaceState(null, "", `#pictures=${made.id}`);
  await follow(made.id, await finderOf(files));
}

/** Return how to find a result's picture among the files. */
async function finderOf(files) {
  if (files.length > 1 || !isArchive(files[0])) return ({ index }) => files[index];
  const inside = await filesOf(files[0]);
  return ({ name }) => inside.get(name)?.() ?? null;
}

async function follow(id, find) {
  [isRunning, isFollowing, results] = [true, true, []];
  table.clear(find);
  const goOn = () => follow(id, find);
  const step = async () => {
    job = await jobs.find(id);
    const more = await jobs.results(id, results.length); // read after the state: once that is an end, all are there
    results.push(...more);
    table.add(more);
    showJob();
    return more.length ? "more" : job.finished_at ? "end" : "wait";
  };
  for (;;) {
    const { found, error } = await guarded(goOn, step);
    if (found === "end") break;
    if (error && !passes(error)) {
      stage = "";
      break;
    }
    const patience = error ? 1000 * Math.max(error.retryAfterS, LEAST_PATIENCE_S) : POLL_MS;
    if (found !== "more") await new Promise((done) => setTimeout(done, patience));
  }
  isRunning = isFollowing = false;
  render();
}

/** Say whether a refusal may pass by itself: the server is busy, restarts, or can't be reached. */
const passes = ({ status }) => status === 0 || status === 429 || status >= 502;

/** Return { found } of the work, or { error } where the api refuses: that is shown, and can be tried again. */
async function guarded(retry, work) {
  try {
    const found = await work();
    isOff = false;
    trouble.clear();
    return { found };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    again = retry;
    isOff = error.status === 501;
    const asksForKey = error.status === 401;
    const goesOn = isFollowing && passes(error);
    const words = goesOn ? `${error.message} Asking again …` : error.message;
    if (isOff) trouble.clear();
    else trouble.say(words, { asksForKey, canRetry: !asksForKey && !goesOn });
    return { error };
  } finally {
    render();
  }
}

function showJob() {
  const { state, total, done, failed } = job;
  const few = failed ? `, ${failed.toLocaleString("en")} not` : "";
  element("counts").textContent = `${done.toLocaleString("en")} of ${total.toLocaleString("en")} read${few}`;
  element("expiry").textContent = `Kept on the server until ${new Date(job.expires_at).toLocaleString()}.`;
  element("to-many").href = `#pictures=${job.id}`;
  showStage(STAGES[state], done + failed, total);
}

/** Show a stage, and how far it is; not known without a value. */
function showStage(words, value, most = 1) {
  stage = words;
  if (!job) element("counts").textContent = value === undefined ? "" : `${value} of ${most}`;
  element("progress").max = most;
  if (value === undefined) element("progress").removeAttribute("value");
  else element("progress").value = value;
  render();
}

function render() {
  if (element("stage").textContent !== stage) element("stage").textContent = stage; // it is spoken when it changes
  element("off").hidden = !isOff;
  element("intake").hidden = isOff || isRunning;
  element("job").hidden = isOff || !stage;
  element("progress").hidden = !isRunning;
  element("expiry").hidden = isRunning || !job;
  element("cancel").hidden = !isRunning || !job;
  element("download").hidden = isRunning || !results.length;
}

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join("-");

const trouble = new Trouble(element("many-trouble"), () => again());
element("cancel").addEventListener("click", () => guarded(() => {}, () => jobs.cancel(job.id)));
element("download").addEventListener("click", () => save(csvOf(results), "digits.csv"));
