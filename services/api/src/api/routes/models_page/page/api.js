// Asks the api, and says in words what went wrong and what to do.

const TIMEOUT_MS = 20_000;

/** A question without an answer; the message is for people. */
export class Refusal extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/** Return { status, ok, text, took } of any answer, errors of the api among them; took in milliseconds. */
export async function ask(path, options = {}) {
  if (/[^ -~]/.test(key.value)) throw new Refusal(wordsOn401(), 401); // no header can carry it
  const headers = { ...options.headers, ...(key.value ? { "x-api-key": key.value } : {}) };
  const start = performance.now();
  try {
    const response = await fetch(path, { ...options, headers, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    return { status: response.status, ok: response.ok, text, took: performance.now() - start };
  } catch (error) {
    if (error.name === "TimeoutError") throw new Refusal("The server took too long. Wait a moment, then try again.");
    throw new Refusal("The server can't be reached. See that it runs and that you are connected, then try again.");
  }
}

/** Return the JSON at a path. */
export async function read(path, options) {
  const { status, ok, text } = await ask(path, options);
  if (status === 401) throw new Refusal(wordsOn401(), status);
  if (!ok) throw new Refusal(messageIn(text) ?? `The server answered with status ${status}.`, status);
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal("The server gave no answer that can be read.", status);
  }
}

function wordsOn401() {
  return key.value ? "The server doesn't know this API key. Check it, then enter it again."
    : "This server asks for an API key. Enter it here; the server's operator has it.";
}

function messageIn(text) {
  try {
    const { error } = JSON.parse(text);
    return typeof error === "string" ? error : error.message;
  } catch {
    return null;
  }
}

/** The API key: kept in this tab alone, and only in memory where the browser has no place for it. */
export const key = {
  value: "",
  load() {
    try { this.value = sessionStorage.getItem("api-key") ?? ""; } catch { this.value = ""; }
  },
  set(value) {
    this.value = value;
    try {
      if (value) sessionStorage.setItem("api-key", value);
      else sessionStorage.removeItem("api-key");
    } catch { /* memory has it */ }
  },
};
