// Asks the api, and says in words what went wrong and what to do.

const TIMEOUT_MS = 20_000;
const LATER = "Wait a moment, then press “Try again”; your digit stays.";
const ADVICE = {
  invalid_image: "Draw one digit, or choose a picture that shows one.",
  no_digit_found: "No digit stands out. Draw one, or choose a picture that shows one.",
  payload_too_large: "Choose a smaller picture, or cut it to the digit.",
  rate_limited: LATER,
  overloaded: LATER,
  triton_unavailable: LATER,
  model_not_ready: LATER,
  deadline_exceeded: LATER,
  upstream_error: LATER,
};

/** A question that got no answer; the message is for people. */
export class Refusal extends Error {
  constructor(message, { code = "", canRetry = true, retryAfterS = 0 } = {}) {
    super(message);
    Object.assign(this, { code, canRetry, retryAfterS });
  }
}

/** Return { answer, took }: what the api reads in an image (a drawing's blob or a file), and the milliseconds it took. */
export async function read(image) {
  if (/[^ -~]/.test(key.value)) throw refusalOf({ code: "unauthorized" }, 401); // no header can carry it
  const headers = key.value ? { "x-api-key": key.value } : {};
  let body = image;
  if (image instanceof File) {
    // In a form any file can be sent; of one that is no picture the api says so.
    body = new FormData();
    body.append("image", image);
  }
  const start = performance.now();
  const answer = await call("predict?include=input", { method: "POST", headers, body });
  return { answer, took: performance.now() - start };
}

/** Return the version of the model that is ready to answer. */
export async function readyVersion() {
  return (await call("health/ready")).model_version;
}

async function call(path, options = {}) {
  let response, text;
  try {
    response = await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = await response.text();
  } catch (error) {
    if (error.name === "TimeoutError") throw new Refusal(`The server took too long. ${LATER}`);
    throw new Refusal(`The server can't be reached. See that it runs and that you are connected. ${LATER}`);
  }
  const body = parsed(text);
  if (response.ok && body) return body;
  throw refusalOf(body?.error ?? {}, response.status, Number(response.headers.get("retry-after")));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // something between us and the api has answered in its place
  }
}

function refusalOf({ code, message = "The server gave no answer that can be read.", request_id: id }, status, retryAfterS) {
  if (code === "unauthorized") {
    const words = key.value ? "The server doesn't know this API key. Check it, then enter it again."
      : "This server asks for an API key. Enter it here; the server's operator has it.";
    return new Refusal(words, { code, canRetry: false });
  }
  const advice = ADVICE[code] ?? `Try again; if it stays, tell the server's operator this request id: ${id ?? status}.`;
  return new Refusal(`${message} ${advice}`, { code, canRetry: status >= 500 || code === "rate_limited", retryAfterS });
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
