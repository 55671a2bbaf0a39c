// One digit: what changes on the sheet is asked about, and the answer is shown.

import { Refusal } from "./api.js";
import { Cropper } from "./cropper.js";
import { drawWithKeyboard } from "./keyboard.js";
import { Picture } from "./picture.js";
import { drawWithPointer } from "./pointer.js";
import { explained, readDigit, readyVersion } from "./reader.js";
import { blank, say, show, showVersion } from "./result.js";
import { Sheet } from "./sheet.js";
import { Trouble } from "./trouble.js";

const element = (id) => document.getElementById(id);
const PATIENCE_S = 5;
let asking = false;
let changed = false;

// One question at a time; what was drawn meanwhile is asked about as soon as the answer is there.
async function ask() {
  element("hint").textContent = hint();
  element("of-picture").hidden = !sheet.picture?.canBeShown;
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
      trouble.clear();
      blank();
      return;
    }
    const { answer, took } = await readDigit(await (sheet.picture?.toFile() ?? sheet.toBlob()));
    if (sheet.isBlank) return;
    trouble.clear();
    show(answer, took);
  } catch (error) {
    if (error.code === "rate_limited" && error.retryAfterS <= PATIENCE_S) {
      // No fault: fast drawing sends many requests. Send what is on the sheet by then.
      await new Promise((done) => setTimeout(done, error.retryAfterS * 1000));
      changed = true;
    } else {
      refuse(error);
    }
  }
}

function hint() {
  if (sheet.isBlank) return "Draw here";
  return sheet.picture && !sheet.picture.canBeShown ? sheet.picture.file.name : "";
}

function refuse(error) {
  if (!(error instanceof Refusal)) throw error;
  blank();
  trouble.say(...explained(error, sheet.picture !== null));
}

async function greet() {
  try {
    showVersion(await readyVersion());
    if (sheet.isBlank) trouble.clear();
  } catch (error) {
    if (sheet.isBlank) refuse(error);
  }
}

function setCropping(on) {
  if (on) cropper.open(sheet.picture.size);
  else cropper.close();
  element("paper").inert = on; // or a pointer beside the picture would draw
  element("tools").hidden = on;
  element("crop-tools").hidden = !on;
  if (!on) element("paper").focus({ preventScroll: true });
}

function useCrop() {
  const part = cropper.part;
  setCropping(false);
  sheet.place(sheet.picture.cropped(part));
}

/** Lay a picture on the sheet. */
export async function take(file) {
  if (!element("cropper").hidden) setCropping(false);
  sheet.place(await Picture.of(file));
}

/** Say why what came in is no picture. */
export const complain = (words) => trouble.say(words);

const sheet = new Sheet(element("paper"), ask);
const trouble = new Trouble(element("trouble"), () => (sheet.isBlank ? greet() : ask()));
const speak = (words) => say("spoken-pen", words);
const cropper = new Cropper(element("cropper"), element("frame"), speak, { onUse: useCrop, onCancel: () => setCropping(false) });
drawWithPointer(element("paper"), sheet);
drawWithKeyboard(element("paper"), sheet, speak);

element("undo").addEventListener("click", () => sheet.undo());
element("clear").addEventListener("click", () => sheet.clear());
element("rotate").addEventListener("click", () => sheet.place(sheet.picture.turned()));
element("crop").addEventListener("click", () => setCropping(true));
element("use-crop").addEventListener("click", useCrop);
element("cancel-crop").addEventListener("click", () => setCropping(false));
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.key !== "z") return;
  if (element("one").hidden || !element("cropper").hidden) return;
  if (event.target instanceof HTMLInputElement && event.target.type !== "file") return;
  event.preventDefault();
  sheet.undo();
});

blank();
greet();
