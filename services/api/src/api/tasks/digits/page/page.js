// Puts the page together: what changes on the sheet is asked about, and the answer is shown.

import { drawWithKeyboard } from "./keyboard.js";
import { previewOf, takePictures } from "./pictures.js";
import { drawWithPointer } from "./pointer.js";
import { key, read, readyVersion, Refusal } from "./reader.js";
import { blank, complain, say, show, showVersion } from "./result.js";
import { Sheet } from "./sheet.js";

const element = (id) => document.getElementById(id);
const PATIENCE_S = 5;
let asking = false;
let changed = false;

// One question at a time; what was drawn meanwhile is asked about as soon as the answer is there.
async function ask() {
  element("hint").textContent = hint();
  changed = true;
  if (asking) return;
  asking = true;
  element("reading").ariaBusy = "true";
  try {
    while (changed) {
      changed = false;
      await answer();
    }
  } finally {
    element("reading").ariaBusy = "false";
    asking = false;
  }
}

async function answer() {
  try {
    if (sheet.isBlank) {
      complain("");
      blank();
      return;
    }
    const { answer, took } = await read(sheet.picture?.file ?? (await sheet.toBlob()));
    if (!sheet.isBlank) show(answer, took);
  } catch (error) {
    if (error.code === "rate_limited" && error.retryAfterS <= PATIENCE_S) {
      // No fault: fast drawing sends many requests. Send what is on the sheet by then.
      await new Promise((done) => setTimeout(done, error.retryAfterS * 1000));
      changed = true;
    } else {
      refuse(error);
    }
  }
  element("forget").hidden = !key.value;
}

function hint() {
  if (sheet.isBlank) return "Draw here";
  return sheet.picture && !sheet.picture.preview ? sheet.picture.file.name : "";
}

function refuse(error) {
  if (!(error instanceof Refusal)) throw error;
  blank();
  complain(error.message, { canRetry: error.canRetry, asksForKey: error.code === "unauthorized" });
}

async function greet() {
  try {
    showVersion(await readyVersion());
    if (sheet.isBlank) complain("");
  } catch (error) {
    if (sheet.isBlank) refuse(error);
  }
}

const sheet = new Sheet(element("paper"), ask);
drawWithPointer(element("paper"), sheet);
drawWithKeyboard(element("paper"), sheet, (words) => say("spoken-pen", words));
takePictures(element("file"), complain, async (file) => sheet.place({ file, preview: await previewOf(file) }));

element("undo").addEventListener("click", () => sheet.undo());
element("clear").addEventListener("click", () => sheet.clear());
element("again").addEventListener("click", () => (sheet.isBlank ? greet() : ask()));
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key !== "z") return;
  if (event.target instanceof HTMLInputElement && event.target.type !== "file") return;
  event.preventDefault();
  sheet.undo();
});
element("key").addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(element("secret").value.trim());
  element("secret").value = "";
  ask();
});
element("forget").addEventListener("click", () => {
  key.set("");
  element("forget").hidden = true;
});

key.load();
element("forget").hidden = !key.value;
blank();
greet();
