// The sheet: what is on it, undo, how it looks here, and the image of it that is sent.

export const SIDE = 280; // units along an edge; every point on the sheet is counted in them
const PEN = 22;
const CELLS = 28;
const REMEMBERED = 200; // states that can be undone
const BLANK = { strokes: [], picture: null };

export class Sheet {
  #canvas;
  #onChange;
  #states = [BLANK];
  #open = null; // the stroke that is being drawn
  #cursor = null; // where the keyboard's pen stands, if it is shown

  constructor(canvas, onChange) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    const paint = () => this.#paint();
    new ResizeObserver(paint).observe(canvas);
    addEventListener("resize", paint); // a zoom changes the pixels, if not the size
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", paint);
    }
  }

  get picture() {
    return this.#now.picture;
  }

  get isBlank() {
    return !this.picture && this.#now.strokes.length === 0;
  }

  get isPenDown() {
    return this.#open !== null;
  }

  /** Set the pen down at a point, [x, y] in units; on top of a picture that begins a new sheet. */
  begin(point) {
    this.#open = [point];
    this.#push({ strokes: [...this.#now.strokes, this.#open], picture: null });
  }

  /** Draw on to a point, if the pen is down. */
  extend(point) {
    if (!this.isPenDown) return;
    this.#open.push(point);
    this.#changed();
  }

  lift() {
    this.#open = null;
  }

  /** Lay a picture on the sheet; undo takes it away. */
  place(picture) {
    this.lift();
    this.#push({ strokes: [], picture });
  }

  undo() {
    this.lift();
    if (this.#states.length > 1) this.#states.pop();
    this.#changed();
  }

  /** Take everything away; undo brings it back. */
  clear() {
    this.lift();
    if (!this.isBlank) this.#push(BLANK);
  }

  showCursor(point) {
    this.#cursor = point;
    this.#paint();
  }

  /** Return what is drawn as a PNG, black on white whatever the colours here. */
  toBlob() {
    const copy = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
    const context = copy.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, SIDE, SIDE);
    trace(context, this.#now.strokes, "black");
    return new Promise((done) => copy.toBlob(done, "image/png"));
  }

  get #now() {
    return this.#states.at(-1);
  }

  #push(state) {
    this.#states.push(state);
    if (this.#states.length > REMEMBERED) this.#states.shift();
    this.#changed();
  }

  #changed() {
    this.#paint();
    this.#onChange();
  }

  #paint() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    const context = this.#canvas.getContext("2d");
    const ink = getComputedStyle(this.#canvas).color;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, side, side);
    rule(context, side, ink);
    context.setTransform(side / SIDE, 0, 0, side / SIDE, 0, 0);
    if (this.picture?.canBeShown) lay(context, this.picture);
    trace(context, this.#now.strokes, ink);
    if (this.#cursor) ring(context, this.#cursor, ink, getComputedStyle(this.#canvas).backgroundColor, this.isPenDown);
  }
}

/** Rule the sheet in 28 × 28 cells, each line a device pixel. */
function rule(context, side, ink) {
  context.fillStyle = ink;
  for (let i = 1; i < CELLS; i++) {
    context.globalAlpha = i % 7 ? 0.045 : 0.11;
    const at = Math.round((i * side) / CELLS);
    context.fillRect(at, 0, 1, side);
    context.fillRect(0, at, side, 1);
  }
  context.globalAlpha = 1;
}

/** Draw a picture as large as the sheet allows, in its middle. */
function lay(context, picture) {
  const scale = SIDE / Math.max(picture.size.width, picture.size.height);
  const [width, height] = [picture.size.width * scale, picture.size.height * scale];
  picture.drawIn(context, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
}

/** Draw strokes, rounded through the middles between their points. */
function trace(context, strokes, ink) {
  Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: ink });
  for (const [first, ...rest] of strokes) {
    context.beginPath();
    context.moveTo(...first);
    rest.forEach(([x, y], i) => {
      const [nextX, nextY] = rest[i + 1] ?? [x, y];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    });
    context.stroke();
    if (rest.length === 0) disc(context, first, PEN / 2, ink);
  }
}

/** Draw the keyboard's pen: a ring, filled while it is down, seen on ink and on paper. */
function ring(context, [x, y], ink, paper, down) {
  for (const [colour, width] of [[paper, 7], [ink, 3]]) {
    context.beginPath();
    context.arc(x, y, PEN / 2 + 3, 0, 2 * Math.PI);
    Object.assign(context, { strokeStyle: colour, lineWidth: width });
    context.stroke();
  }
  disc(context, [x, y], 4, down ? paper : ink);
}

function disc(context, [x, y], radius, colour) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}
