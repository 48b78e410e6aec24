// Shows a problem in words.

import { byId } from "./dom.js";
import { problemFor } from "./words.js";

export class Problem {
  #box = byId("problem");
  #retry = byId("problem-retry");
  #code = null;

  constructor(onRetry) {
    this.#retry.addEventListener("click", () => {
      this.clear();
      onRetry();
    });
    byId("problem-dismiss").addEventListener("click", () => this.clear());
  }

  show(code, detail) {
    const { title, text, retry } = problemFor(code, detail);
    this.#code = code;
    this.#box.dataset.code = code;
    byId("problem-title").textContent = title;
    byId("problem-text").textContent = text;
    this.#retry.hidden = !retry;
    this.#box.hidden = false;
  }

  /** Hides the problem; with a code, only if that code is shown. */
  clear(code = this.#code) {
    if (code !== this.#code) return;
    this.#code = null;
    delete this.#box.dataset.code;
    this.#box.hidden = true;
  }
}
