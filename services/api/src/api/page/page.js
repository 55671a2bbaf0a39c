"use strict";

const paper = document.getElementById("paper");
const ink = paper.getContext("2d");
const answer = document.getElementById("answer");
const details = document.getElementById("details");
const bars = [...Array(10).keys()].map((digit) => {
  const row = document.createElement("li");
  const meter = document.createElement("meter");
  const share = document.createElement("span");
  meter.setAttribute("aria-label", `Probability of ${digit}`);
  row.append(String(digit), meter, share);
  document.getElementById("bars").append(row);
  return { meter, share };
});

let last = null;
let asking = false;
let changed = false;

function clear() {
  ink.fillStyle = "white";
  ink.fillRect(0, 0, paper.width, paper.height);
  show(null);
}

function show(result, took) {
  answer.className = "";
  answer.textContent = result ? result.prediction : "–";
  details.textContent = result ? `${took.toFixed(0)} ms · model version ${result.model_version}` : "";
  bars.forEach(({ meter, share }, digit) => {
    meter.value = result ? result.probabilities[digit] : 0;
    share.textContent = result ? `${(meter.value * 100).toFixed(1)} %` : "";
  });
}

function fail(message) {
  show(null);
  answer.className = "error";
  answer.textContent = message;
}

async function ask(blob) {
  const start = performance.now();
  try {
    const response = await fetch("predict", { method: "POST", body: blob, headers: { "content-type": blob.type } });
    const body = await response.json();
    if (response.ok) show(body, performance.now() - start);
    else fail(body.error.message);
  } catch {
    fail("The server can't be reached.");
  }
}

// One question at a time; what was drawn meanwhile is asked about as soon as the answer is there.
async function askAboutDrawing() {
  changed = true;
  if (asking) return;
  asking = true;
  while (changed) {
    changed = false;
    await ask(await new Promise((done) => paper.toBlob(done, "image/png")));
  }
  asking = false;
}

function at(event) {
  const box = paper.getBoundingClientRect();
  return [(event.clientX - box.left) * paper.width / box.width, (event.clientY - box.top) * paper.height / box.height];
}

paper.addEventListener("pointerdown", (event) => {
  paper.setPointerCapture(event.pointerId);
  last = at(event);
});
paper.addEventListener("pointermove", (event) => {
  if (!last) return;
  const point = at(event);
  ink.lineWidth = 22;
  ink.lineCap = "round";
  ink.strokeStyle = "black";
  ink.beginPath();
  ink.moveTo(...last);
  ink.lineTo(...point);
  ink.stroke();
  last = point;
  askAboutDrawing();
});
for (const end of ["pointerup", "pointercancel"]) paper.addEventListener(end, () => { last = null; });
document.getElementById("clear").addEventListener("click", clear);
document.getElementById("file").addEventListener("change", (event) => {
  if (event.target.files[0]) ask(event.target.files[0]);
});
clear();
