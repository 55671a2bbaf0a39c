// Drawing with the keyboard: a pen that the arrow keys move, and that Space sets down and lifts.

import { SIDE } from "./sheet.js";

const STEPS = 20; // along an edge
const STEP = SIDE / STEPS;
const SMALL_STEP = STEP / 4;
const DIRECTIONS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  Home: [-1, -1], PageUp: [1, -1], End: [-1, 1], PageDown: [1, 1], // aslant, as they lie on a number pad
};

/** Let the keyboard draw; `say` gets what a screen reader should speak. */
export function drawWithKeyboard(paper, sheet, say) {
  let at = [SIDE / 2, SIDE / 2];
  const held = new Set();

  const place = () => `Pen ${sheet.isPenDown ? "down" : "up"}, ${cell(at[0])} across, ${cell(at[1])} down.`;

  const move = (small) => {
    const step = small ? SMALL_STEP : STEP;
    at = at.map((value, axis) => {
      const direction = Math.sign([...held].reduce((sum, key) => sum + DIRECTIONS[key][axis], 0));
      return Math.min(Math.max(value + direction * step, 0), SIDE);
    });
    sheet.extend(at);
  };

  const toggle = () => {
    if (sheet.isPenDown) sheet.lift();
    else sheet.begin(at);
  };

  const actions = { " ": toggle, Enter: toggle, Backspace: () => sheet.undo(), Delete: () => sheet.clear() };

  paper.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in DIRECTIONS) {
      held.add(event.key);
      move(event.shiftKey);
    } else if (event.key in actions && !event.repeat) {
      actions[event.key]();
    } else if (!(event.key in actions)) {
      return;
    }
    event.preventDefault();
    sheet.showCursor(at);
    say(place());
  });
  paper.addEventListener("keyup", (event) => held.delete(event.key));
  paper.addEventListener("focus", () => {
    if (!paper.matches(":focus-visible")) return; // a click needs no ring
    sheet.showCursor(at);
    say(place());
  });
  paper.addEventListener("blur", () => {
    held.clear();
    sheet.lift();
    sheet.showCursor(null);
  });
  paper.addEventListener("pointerdown", () => sheet.showCursor(null));
}

const cell = (value) => Math.round(value / STEP);
