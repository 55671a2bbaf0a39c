// Files that are chosen, photographed, dropped or pasted.

/** Call `take(files)` for what comes in, and `complain(words)` where that holds no file. */
export function takeFiles(inputs, complain, take) {
  for (const input of inputs) {
    input.addEventListener("change", () => {
      if (input.files.length) take([...input.files]);
      input.value = ""; // so that the same file can be chosen again
    });
  }

  document.addEventListener("paste", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type !== "file") return;
    const files = [...event.clipboardData.files];
    if (files.length) take(files);
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
    const files = [...event.dataTransfer.files];
    if (files.length) take(files);
    else complain("What was dropped is no file: save the picture first, or copy it and paste it here.");
  });
}
