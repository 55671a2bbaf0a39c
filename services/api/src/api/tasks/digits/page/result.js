// Shows what the network reads: the digit, the bars, the image that it saw, and how that was made.

const SPOKEN_AFTER_MS = 700; // while a digit is being drawn, its answers aren't spoken one by one
const CAPTIONS = { "found ink": "Ink that was found", digit: "Taken for the digit", crop: "Cropped" };
const LAST_STEP = "28×28"; // which is shown large
const element = (id) => document.getElementById(id);
const percent = (share) => `${(share * 100).toFixed(1)} %`;

const bars = [...Array(10).keys()].map((digit) => {
  const [row, name, bar, share] = ["li", "b", "span", "span"].map((tag) => document.createElement(tag));
  name.textContent = digit;
  bar.className = "bar";
  share.className = "share";
  row.append(name, bar, share);
  element("bars").append(row);
  return { row, bar, share };
});

/** Show an answer of the api and the milliseconds that it took. */
export function show({ prediction, probabilities, confidence, warning, model_version: version, input, steps }, took) {
  const ranked = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const words = sentence(prediction, confidence, ranked.find((digit) => digit !== prediction));
  element("digit").textContent = prediction;
  element("sureness").textContent = words;
  element("seen").src = input;
  element("seen").alt = `The 28 by 28 pixels in which the model reads ${prediction}.`;
  element("seen").hidden = false;
  element("latency").textContent = `${took.toFixed(0)} ms`;
  element("confidence").textContent = percent(confidence);
  showVersion(version);
  setBars(probabilities, prediction);
  showSteps(steps ?? []);
  warn(warning?.message ?? "");
  say("spoken-answer", `${words}, ${percent(confidence)}. ${warning?.message ?? ""}`.trim());
}

/** Show that nothing has been read. */
export function blank() {
  for (const id of ["digit", "latency", "confidence"]) element(id).textContent = "–";
  element("sureness").textContent = "What it reads";
  element("seen").hidden = true;
  element("seen").removeAttribute("src");
  setBars(null);
  showSteps([]);
  warn("");
  say("spoken-answer", "");
}

export function showVersion(version) {
  element("version").textContent = version;
}

/** Let a screen reader say it, once nothing else has been to say for a moment. */
export function say(where, words) {
  clearTimeout(say[where]);
  say[where] = setTimeout(() => { element(where).textContent = words; }, SPOKEN_AFTER_MS);
}

function warn(words) {
  element("warning").textContent = words;
  element("warning").hidden = !words;
}

function showSteps(steps) {
  const figures = steps.filter(({ name }) => name !== LAST_STEP).map(({ name, image }) => {
    const [row, picture, caption] = ["li", "img", "span"].map((tag) => document.createElement(tag));
    picture.src = image;
    picture.alt = "";
    caption.textContent = CAPTIONS[name] ?? name;
    row.append(picture, caption);
    return row;
  });
  element("steps").querySelector("ol").replaceChildren(...figures);
  element("steps").hidden = !figures.length;
}

function setBars(probabilities, prediction) {
  bars.forEach(({ row, bar, share }, digit) => {
    row.classList.toggle("best", digit === prediction);
    bar.style.setProperty("--share", probabilities?.[digit] ?? 0);
    share.textContent = probabilities ? percent(probabilities[digit]) : "";
  });
}

function sentence(digit, share, second) {
  if (share >= 0.9) return `Almost certainly ${a(digit)}`;
  if (share >= 0.7) return `Probably ${a(digit)}`;
  return `Perhaps ${a(digit)}, or else ${a(second)}`;
}

const a = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;
