// The box that says what went wrong and what to do: try again, or enter an API key.

import { key } from "./key.js";

export class Trouble {
  #box;
  #complaint = made("p", { role: "alert" });
  #again = made("button", { type: "button", className: "again", textContent: "Try again", hidden: true });
  #form = made("form", { hidden: true });

  /** Build it in an empty element; `tryAgain` is called for the button, and once a key has been entered. */
  constructor(box, tryAgain) {
    this.#box = box;
    const id = `${box.id}-secret`;
    const label = made("label", { htmlFor: id, textContent: "API key" });
    const secret = made("input", { id, type: "password", autocomplete: "off", required: true });
    const use = made("button", { type: "submit", textContent: "Use this key" });
    const note = made("p", { textContent: "It stays in this tab and is forgotten with it." });
    this.#form.append(label, secret, use, note);
    box.append(this.#complaint, this.#form, this.#again);
    this.#again.addEventListener("click", tryAgain);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      key.set(secret.value.trim());
      secret.value = "";
      tryAgain();
    });
  }

  get isShown() {
    return !this.#box.hidden;
  }

  get asksForKey() {
    return this.isShown && !this.#form.hidden;
  }

  /** Say what went wrong and what to do. */
  say(words, { canRetry = false, asksForKey = false } = {}) {
    this.#complaint.textContent = words;
    this.#again.hidden = !canRetry;
    this.#form.hidden = !asksForKey;
    this.#box.hidden = false;
  }

  clear() {
    this.#complaint.textContent = "";
    this.#box.hidden = true;
  }
}

const made = (tag, properties) => Object.assign(document.createElement(tag), properties);
