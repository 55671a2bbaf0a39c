// A picture that a person brought: turned, cropped, and made small enough to send.

const LONGEST_PX = 1600;
const MOST_BYTES = 1_000_000; // beyond it a photograph goes as JPEG, which shows a digit as well
const QUALITY = 0.9;
const TURN = Math.PI / 2;

/** What is to be seen of a file; it never changes, so that undo can go back to it. */
export class Picture {
  #source; // canvas of the whole, or null where this browser can't show the file
  #box; // what is kept of it, in its pixels: { left, top, width, height }
  #turns; // a quarter each, clockwise
  #isEdited;

  constructor(file, source, { box, turns = 0, isEdited = false }) {
    this.file = file;
    this.#source = source;
    this.#box = box;
    this.#turns = turns;
    this.#isEdited = isEdited;
  }

  /** Return the picture in a file, upright as its camera was held. */
  static async of(file) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      return new Picture(file, null, {}); // what is wrong with it, the server says; it may know the format
    }
    const scale = Math.min(1, LONGEST_PX / Math.max(bitmap.width, bitmap.height));
    const source = blankCanvas(bitmap.width * scale, bitmap.height * scale);
    const context = source.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, source.width, source.height);
    bitmap.close();
    const box = { left: 0, top: 0, width: source.width, height: source.height };
    return new Picture(file, source, { box, isEdited: scale < 1 || file.size > 2 * MOST_BYTES });
  }

  get canBeShown() {
    return this.#source !== null;
  }

  /** As it is shown, in pixels: { width, height }. */
  get size() {
    const { width, height } = this.#box;
    return this.#turns % 2 ? { width: height, height: width } : { width, height };
  }

  /** Return it turned clockwise by a quarter. */
  turned() {
    return new Picture(this.file, this.#source, { box: this.#box, turns: (this.#turns + 1) % 4, isEdited: true });
  }

  /** Return a part of it; edges are shares of what is shown, 0 to 1. */
  cropped({ left, top, right, bottom }) {
    const back = ([x, y]) => { // from what is shown to what the source has
      for (let i = 0; i < this.#turns; i++) [x, y] = [y, 1 - x];
      return [x, y];
    };
    const [[x0, y0], [x1, y1]] = [back([left, top]), back([right, bottom])];
    const { left: from, top: above, width, height } = this.#box;
    const box = {
      left: from + Math.min(x0, x1) * width,
      top: above + Math.min(y0, y1) * height,
      width: Math.abs(x1 - x0) * width,
      height: Math.abs(y1 - y0) * height,
    };
    return new Picture(this.file, this.#source, { box, turns: this.#turns, isEdited: true });
  }

  /** Draw it into a rectangle of a canvas. */
  drawIn(context, x, y, width, height) {
    const { left, top, width: w, height: h } = this.#box;
    const [across, down] = this.#turns % 2 ? [height, width] : [width, height];
    context.save();
    context.imageSmoothingQuality = "high";
    context.translate(x + width / 2, y + height / 2);
    context.rotate(this.#turns * TURN);
    context.drawImage(this.#source, left, top, w, h, -across / 2, -down / 2, across, down);
    context.restore();
  }

  /** Return what to send: the file itself, unless it was edited or is large. */
  async toFile() {
    if (!this.#isEdited || !this.canBeShown) return this.file;
    const canvas = blankCanvas(this.size.width, this.size.height);
    this.drawIn(canvas.getContext("2d"), 0, 0, canvas.width, canvas.height);
    const blob = await smallBlob(canvas, this.file.type);
    return blob ? new File([blob], this.file.name, { type: blob.type }) : this.file;
  }
}

/** Return a canvas as a JPEG where its file was one, else as a PNG; as a JPEG too where a PNG would be large. */
async function smallBlob(canvas, type) {
  if (type !== "image/jpeg") {
    const png = await toBlob(canvas, "image/png");
    if (png && (png.size <= MOST_BYTES || !isOpaque(canvas))) return png;
  }
  return toBlob(canvas, "image/jpeg");
}

function isOpaque(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 3; i < data.length; i += 4) if (data[i] < 255) return false;
  return true;
}

const toBlob = (canvas, type) => new Promise((done) => canvas.toBlob(done, type, QUALITY));

const blankCanvas = (width, height) => Object.assign(document.createElement("canvas"), {
  width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(height)),
});
