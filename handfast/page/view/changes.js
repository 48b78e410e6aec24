// The buttons that change the running connection, and the sentence with the result.

import { byId, html } from "./dom.js";
import { ASKED, HINT, outcomeOf } from "./words.js";

// Milliseconds until a request counts as unanswered; Python has the result of a rekey within 30 s.
const TIMEOUT_MS = 40_000;
const BUTTONS = new Map([
  ["rekey", byId("rekey")],
  ["restart-ice", byId("restart-ice")],
]);

/** Returns the mood that colours a result: what a browser does not do is a fact, and no failure. */
export function moodOf({ changed, kept }) {
  if (kept) return "fact";
  return changed ? "good" : "bad";
}

/** Event: `ask`, with the requested change as `detail`. */
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

  /** Enables the buttons while the peer can be asked. */
  allow(possible) {
    this.#possible = possible;
    if (!possible) this.#stopWaiting();
    this.#enable();
  }

  /** Shows the result that Python reports. */
  show(outcome) {
    this.#stopWaiting();
    this.#say(moodOf(outcome), outcomeOf(outcome));
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
