// Asks the api what it reads in an image, and adds to a refusal what to do.

import { read } from "./api.js";

const LATER = "Wait a moment, then press “Try again”; your digit stays.";
const ADVICE = {
  invalid_image: "Draw one digit, or choose a picture that shows one.",
  payload_too_large: "Choose a smaller picture, or cut it to the digit.",
  unauthorized: "",
  rate_limited: LATER,
  overloaded: LATER,
  triton_unavailable: LATER,
  model_not_ready: LATER,
  deadline_exceeded: LATER,
  upstream_error: LATER,
};
const NO_DIGIT = {
  drawing: "Draw it larger, in one piece.",
  picture: "Crop the picture to the digit, or take it again with more light, a darker pen, or from nearer by.",
};

/** Return { answer, took }: what the api reads in a drawing's blob or in a file, and the milliseconds it took. */
export async function readDigit(image) {
  let [body, include] = [image, "include=input"];
  if (image instanceof File) {
    // In a form any file can be sent; of one that is no picture the api says so.
    body = new FormData();
    body.append("image", image);
    include += "&include=steps";
  }
  const start = performance.now();
  const answer = await read(`predict?${include}`, { method: "POST", body });
  return { answer, took: performance.now() - start };
}

/** Return the version of the model that is ready to answer. */
export async function readyVersion() {
  return (await read("health/ready")).model_version;
}

/** Return what a refusal means and what to do: words, and the options of the box that shows them. */
export function explained({ message, status, code, requestId }, isPicture) {
  const canRetry = status >= 500 || status === 429 || status === 0;
  let advice = ADVICE[code];
  if (code === "no_digit_found") advice = isPicture ? NO_DIGIT.picture : NO_DIGIT.drawing;
  if (status && advice === undefined) {
    advice = `Try again; if it stays, tell the server's operator this request id: ${requestId ?? status}.`;
  }
  return [`${message} ${advice ?? ""}`.trim(), { canRetry, asksForKey: status === 401 }];
}
