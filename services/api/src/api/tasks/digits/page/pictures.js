// Pictures that are chosen, dropped or pasted, and how they look on the sheet.

import { SIDE } from "./sheet.js";

/** Call `take(file)` for every picture that comes in, and `complain(words)` where what came in is none. */
export function takePictures(input, complain, take) {
  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });

  document.addEventListener("paste", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type !== "file") return;
    const [file] = event.clipboardData.files;
    if (file) take(file);
    else complain("There is no picture in the clipboard: copy one, then paste it here.");
  });

  const mark = (on) => document.documentElement.classList.toggle("dropping", on);
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // else the browser would leave this page for the picture
    mark(true);
  });
  document.addEventListener("dragleave", (event) => mark(event.relatedTarget !== null));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    const [file] = event.dataTransfer.files;
    if (file) take(file);
    else complain("What was dropped is no file: save the picture first, or copy it and paste it here.");
  });
}

/** Return the picture on a canvas as large as the sheet, or null where this browser can't show it. */
export async function previewOf(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return null; // what is wrong with it, the server says
  }
  const side = 2 * SIDE;
  const preview = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const scale = Math.min(side / bitmap.width, side / bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const context = preview.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (side - width) / 2, (side - height) / 2, width, height);
  bitmap.close();
  return preview;
}
