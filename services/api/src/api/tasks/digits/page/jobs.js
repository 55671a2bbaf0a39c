// Jobs of the api: send pictures, follow what is read, cancel.

import { read, readText } from "./api.js";

const UPLOAD_MS = 30 * 60_000;
const LINES = 1000; // of results at a time

/** Throw a Refusal where this server takes no jobs. */
export async function check() {
  await read("jobs?limit=1");
}

/** Make a job of files, and return it; the same key with the same files gives the same job. */
export async function send(files, idempotencyKey) {
  const body = new FormData();
  for (const file of files) body.append("file", file);
  const headers = { "idempotency-key": idempotencyKey };
  return read("jobs/digits", { method: "POST", headers, body, timeoutMs: UPLOAD_MS });
}

export async function find(id) {
  return read(`jobs/${encodeURIComponent(id)}`);
}

/** Return results from a position on, as far as they are there: { name, answer } or { name, error } each. */
export async function results(id, from) {
  const text = await readText(`jobs/${encodeURIComponent(id)}/results?from=${from}&limit=${LINES}`);
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

export async function cancel(id) {
  await readText(`jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
}
