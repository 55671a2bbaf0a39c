// Drawing with mouse, finger or pen: one of them at a time, so that a resting palm draws nothing.

import { SIDE } from "./sheet.js";

export function drawWithPointer(paper, sheet) {
  let pointer = null;

  const at = ({ clientX, clientY }) => {
    const box = paper.getBoundingClientRect();
    return [((clientX - box.left) / box.width) * SIDE, ((clientY - box.top) / box.height) * SIDE];
  };

  paper.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    paper.setPointerCapture(pointer);
    sheet.begin(at(event));
  });
  paper.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    // A fast hand moves several times between two frames.
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) sheet.extend(at(move));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    paper.addEventListener(end, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      sheet.lift();
    });
  }
}
