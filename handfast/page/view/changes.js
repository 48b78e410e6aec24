// Owns the buttons that change the running connection, and the sentence that says what came of it.

import { byId, html } from "./dom.js";
import { ASKED, HINT, outcomeOf } from "./words.js";

// Python knows what became of a rekey within 30 s.
const TIMEOUT_MS = 40_000;
const BUTTONS = new Map([
  ["rekey", byId("rekey")],
  ["restart-ice", byId("restart-ice")],
]);

/** Event: `ask`, with what was asked for as `detail`. */
export class Changes extends EventTarget {
  #outcome = byId("outcome");
  #possible = false;
  #timeout = null;

  constructor() {
    super();
    for (const [change, button] of BUTTONS) {
      button.addEventListener("click", () => this.#ask(change));
    }
    this.clear();
  }

  clear() {
    this.allow(false);
    this.#say("quiet", HINT);
  }

  /** Whether anybody would hear. */
  allow(possible) {
    this.#possible = possible;
    if (!possible) this.#stopWaiting();
    this.#enable();
  }

  /** What Python says became of it. */
  show(outcome) {
    this.#stopWaiting();
    this.#say(outcome.changed ? "good" : "bad", outcomeOf(outcome));
    this.#enable();
  }

  #ask(change) {
    this.#timeout = setTimeout(() => {
      this.show({ change, changed: false, reason: "Python has not said what became of it" });
    }, TIMEOUT_MS);
    this.#say("busy", ASKED[change]);
    this.#enable();
    this.dispatchEvent(new CustomEvent("ask", { detail: change }));
  }

  #stopWaiting() {
    clearTimeout(this.#timeout);
    this.#timeout = null;
  }

  #enable() {
    for (const button of BUTTONS.values()) button.disabled = !this.#possible || this.#timeout !== null;
  }

  #say(mood, text) {
    this.#outcome.dataset.mood = mood;
    const dot = html("span", { class: "dot", "aria-hidden": "true" });
    this.#outcome.replaceChildren(...(mood === "quiet" ? [] : [dot]), html("span", {}, text));
  }
}
