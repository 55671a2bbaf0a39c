// The table of what a job has read: a picture, its digit and how sure it is; a hundred rows first, more when asked for.

const PAGE = 100;
const THUMBNAIL_PX = 96;
const REMARKS = { low_confidence: "Not sure", several_digits: "Several digits: the largest was read" };
const element = (id) => document.getElementById(id);
const body = element("results").querySelector("tbody");
let results = [];
let pictureOf = () => null; // result → promise of its blob, or null
let shown = 0;
let drawing = Promise.resolve(); // one picture at a time: large ones take much memory

/** Begin anew; `find(result)` returns a promise of the picture's blob, or null where it isn't here. */
export function clear(find) {
  [results, pictureOf, shown] = [[], find, 0];
  body.replaceChildren();
  element("results").hidden = true;
}

/** Add results below the others. */
export function add(more) {
  results.push(...more);
  if (shown < PAGE) showMore();
  else refreshButton();
}

function showMore() {
  const limit = Math.min(results.length, (Math.floor(shown / PAGE) + 1) * PAGE);
  body.append(...results.slice(shown, limit).map(rowOf));
  shown = limit;
  element("results").hidden = !results.length;
  refreshButton();
}

function refreshButton() {
  const rest = results.length - shown;
  element("more").hidden = !rest;
  element("more").textContent = `Show ${Math.min(rest, PAGE)} of ${rest.toLocaleString("en")} more`;
}

function rowOf(result) {
  const { index, name, answer, error } = result;
  const row = document.createElement("tr");
  const [picture, file, digit, confidence] = [..."1234"].map(() => document.createElement("td"));
  const remark = error?.message ?? REMARKS[answer.warning?.code] ?? answer.warning?.message ?? "";
  file.textContent = name ?? `${index + 1}`;
  if (remark) file.append(Object.assign(document.createElement("p"), { className: error ? "bad" : "unsure", textContent: remark }));
  digit.className = "digit";
  digit.textContent = answer?.prediction ?? "–";
  confidence.className = "number";
  confidence.textContent = answer ? `${(answer.confidence * 100).toFixed(1)} %` : "";
  row.append(picture, file, digit, confidence);
  const found = pictureOf;
  drawing = drawing.then(() => (found === pictureOf ? thumbnail(result) : null)).then((drawn) => drawn && picture.append(drawn));
  return row;
}

/** Return a small canvas of a result's picture, or null where it can't be shown. */
async function thumbnail(result) {
  try {
    const blob = await pictureOf(result);
    if (!blob) return null;
    const bitmap = await createImageBitmap(blob);
    const scale = THUMBNAIL_PX / Math.max(bitmap.width, bitmap.height);
    const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
    const canvas = Object.assign(document.createElement("canvas"), { width, height, ariaHidden: "true" });
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(bitmap, 0, 0, width, height);
    bitmap.close();
    return canvas;
  } catch {
    return null; // no picture, or of a format that this browser doesn't know
  }
}

element("more").addEventListener("click", showMore);
