// The frame with which a person chooses a part of the picture: by mouse, finger, pen or keyboard.

const LEAST = 0.03; // of the picture, along an edge
const STEP = 0.02;
const WHOLE = { left: 0, top: 0, right: 1, bottom: 1 };
const INSET = { left: 0.1, top: 0.1, right: 0.9, bottom: 0.9 };
const KEYS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const clamped = (value, low = 0, high = 1) => Math.min(Math.max(value, low), high);

export class Cropper {
  #area;
  #frame;
  #say;
  #part = WHOLE; // shares of the picture
  #drag = null; // what a pointer's move does

  /** `area` lies on the picture and holds `frame`; `say` gets what a screen reader should speak. */
  constructor(area, frame, say, { onUse, onCancel }) {
    this.#area = area;
    this.#frame = frame;
    this.#say = say;
    area.addEventListener("pointerdown", (event) => this.#begin(event));
    area.addEventListener("pointermove", (event) => this.#drag?.(this.#at(event)));
    for (const end of ["pointerup", "pointercancel"]) area.addEventListener(end, () => { this.#drag = null; });
    frame.addEventListener("keydown", (event) => {
      if (event.key === "Enter") onUse();
      else if (event.key === "Escape") onCancel();
      else if (event.key in KEYS) this.#move(KEYS[event.key], event.shiftKey);
      else return;
      event.preventDefault();
    });
  }

  get part() {
    return this.#part;
  }

  /** Lay the frame on a picture of this size in the middle of a square. */
  open({ width, height }) {
    const longest = Math.max(width, height);
    this.#area.style.setProperty("--across", width / longest);
    this.#area.style.setProperty("--down", height / longest);
    this.#area.hidden = false;
    this.#set(INSET);
    this.#frame.focus({ preventScroll: true });
    this.#speak();
  }

  close() {
    this.#drag = null;
    this.#area.hidden = true;
  }

  #begin(event) {
    if (event.button !== 0 || this.#drag) return;
    event.preventDefault();
    this.#frame.focus({ preventScroll: true });
    this.#area.setPointerCapture(event.pointerId);
    const [x, y] = this.#at(event);
    const corner = event.target.dataset.corner;
    const { left, top, right, bottom } = this.#part;
    if (corner) {
      this.#drag = this.#stretchFrom(corner.includes("left") ? right : left, corner.includes("top") ? bottom : top);
    } else if (event.target === this.#frame) {
      this.#drag = ([toX, toY]) => this.#place(left + toX - x, top + toY - y);
    } else {
      this.#drag = this.#stretchFrom(x, y);
    }
  }

  #stretchFrom(x, y) {
    return ([toX, toY]) => this.#set({
      left: Math.min(x, toX), right: Math.max(x, toX), top: Math.min(y, toY), bottom: Math.max(y, toY),
    });
  }

  /** Move the frame, its size kept, or its lower right corner. */
  #move([x, y], isSize) {
    const { left, top, right, bottom } = this.#part;
    if (isSize) this.#set({ left, top, right: Math.max(right + x, left), bottom: Math.max(bottom + y, top) });
    else this.#place(left + x, top + y);
    this.#speak();
  }

  #place(left, top) {
    const [width, height] = [this.#part.right - this.#part.left, this.#part.bottom - this.#part.top];
    const [x, y] = [clamped(left, 0, 1 - width), clamped(top, 0, 1 - height)];
    this.#set({ left: x, top: y, right: x + width, bottom: y + height });
  }

  #set({ left, top, right, bottom }) {
    const [x, y] = [clamped(left, 0, 1 - LEAST), clamped(top, 0, 1 - LEAST)];
    this.#part = { left: x, top: y, right: clamped(right, x + LEAST), bottom: clamped(bottom, y + LEAST) };
    for (const [edge, share] of Object.entries(this.#part)) this.#frame.style.setProperty(`--${edge}`, share);
  }

  #at({ clientX, clientY }) {
    const box = this.#area.getBoundingClientRect();
    return [clamped((clientX - box.left) / box.width), clamped((clientY - box.top) / box.height)];
  }

  #speak() {
    const [left, top, right, bottom] = ["left", "top", "right", "bottom"].map((edge) => Math.round(100 * this.#part[edge]));
    this.#say(`${left} to ${right} percent across, ${top} to ${bottom} percent down.`);
  }
}
