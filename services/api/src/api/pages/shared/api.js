// Asks the api, and says in words what went wrong.

import { key } from "./key.js";

const TIMEOUT_MS = 20_000;

/** A question without an answer; the message is for people. */
export class Refusal extends Error {
  constructor(message, { status = 0, code = "", requestId = "", retryAfterS = 0 } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId, retryAfterS });
  }
}

/** Return { status, ok, text, took, retryAfterS } of any answer, errors of the api among them; took in milliseconds. */
export async function ask(path, { timeoutMs = TIMEOUT_MS, ...options } = {}) {
  if (/[^ -~]/.test(key.value)) throw unauthorized(); // no header can carry it
  const headers = { ...options.headers, ...(key.value ? { "x-api-key": key.value } : {}) };
  const start = performance.now();
  try {
    const response = await fetch(path, { ...options, headers, cache: "no-store", signal: AbortSignal.timeout(timeoutMs) });
    const text = await response.text();
    const retryAfterS = Number(response.headers.get("retry-after"));
    return { status: response.status, ok: response.ok, text, took: performance.now() - start, retryAfterS };
  } catch (error) {
    if (error.name === "TimeoutError") throw new Refusal("The server took too long. Wait a moment, then try again.");
    throw new Refusal("The server can't be reached. See that it runs and that you are connected, then try again.");
  }
}

/** Return the text at a path. */
export async function readText(path, options) {
  const { status, ok, text, retryAfterS } = await ask(path, options);
  if (ok) return text;
  if (status === 401) throw unauthorized();
  const { error } = parsed(text) ?? {};
  const message = error?.message ?? error ?? `The server answered with status ${status}.`;
  throw new Refusal(message, { status, code: error?.code, requestId: error?.request_id, retryAfterS });
}

/** Return the JSON at a path. */
export async function read(path, options) {
  const body = parsed(await readText(path, options));
  if (body === null) throw new Refusal("The server gave no answer that can be read."); // something in between gave it
  return body;
}

function unauthorized() {
  const words = key.value ? "The server doesn't know this API key. Check it, then enter it again."
    : "This server asks for an API key. Enter it here; the server's operator has it.";
  return new Refusal(words, { status: 401, code: "unauthorized" });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
