// Puts the page together: which of its views is shown, and where files that come in go.

import { takeFiles } from "./intake.js";
import * as many from "./many.js";
import * as one from "./one.js";

const element = (id) => document.getElementById(id);
const TITLES = {
  one: ["Draw a digit", "Read as you draw, through NVIDIA Triton."],
  many: ["Many pictures", "Read in the background, through a queue of jobs."],
};

function showView() {
  const shown = location.hash.startsWith("#pictures") ? "many" : "one";
  for (const view of ["one", "many"]) {
    element(view).hidden = view !== shown;
    if (view === shown) element(`to-${view}`).setAttribute("aria-current", "page");
    else element(`to-${view}`).removeAttribute("aria-current");
  }
  [element("title").textContent, element("subtitle").textContent] = TITLES[shown];
  document.title = TITLES[shown][0];
  if (shown === "many") many.open(location.hash.split("=")[1] ?? "");
}

function take(files) {
  const areMany = files.length > 1 || many.isArchive(files[0]);
  if (areMany && element("many").hidden) location.hash = "pictures";
  if (areMany || !element("many").hidden) many.take(files);
  else one.take(files[0]);
}

const complain = (words) => (element("many").hidden ? one : many).complain(words);

takeFiles([element("file"), element("camera"), element("files")], complain, take);
addEventListener("hashchange", showView);
showView();
