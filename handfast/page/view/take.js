// The button by which Python records this page, and the player of the recording.

import { byId, html } from "./dom.js";
import { RECORD_HINT, recordedAs } from "./words.js";

/** Event: `ask`, with "start" or "stop" as `detail`. */
export class Take extends EventTarget {
  #button = byId("record");
  #said = byId("record-said");
  #section = byId("recording");
  #player = byId("recording-player");
  #save = byId("recording-save");
  #possible = false;
  #state = "none";

  constructor() {
    super();
    this.#button.addEventListener("click", () => this.#ask());
    this.clear();
  }

  /** Resets for a new call; the recording of the former call is deleted. */
  clear() {
    this.allow(false);
    this.#drop();
    this.#say("quiet", RECORD_HINT);
  }

  /** Enables the button while the peer can be asked; a finished recording stays playable. */
  allow(possible) {
    this.#possible = possible;
    if (!possible && this.#state !== "none") this.#say("quiet", RECORD_HINT);
    if (!possible) this.#state = "none";
    this.#apply();
  }

  /** Takes the progress that Python reports; resolves when the result can be played. */
  async show(take) {
    this.#state = take.state === "recording" ? "recording" : "none";
    this.#say({ recording: "busy", ready: "good", failed: "bad" }[take.state], recordedAs(take));
    this.#apply();
    if (take.state !== "ready") return;
    try {
      // Copied here, as Python deletes the recording at the end of the call.
      const response = await fetch(new URL(take.url, document.baseURI));
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      this.#play(await response.blob());
    } catch ({ message }) {
      this.#say("bad", recordedAs({ state: "failed", reason: message }));
    }
  }

  #ask() {
    const action = this.#state === "recording" ? "stop" : "start";
    this.#state = "asked";
    this.#apply();
    this.dispatchEvent(new CustomEvent("ask", { detail: action }));
  }

  #play(blob) {
    this.#drop();
    this.#player.src = this.#save.href = URL.createObjectURL(blob);
    this.#section.hidden = false;
    // Playback with sound may need a click, which the controls offer.
    this.#player.play().catch(() => {});
  }

  #drop() {
    if (this.#player.src) URL.revokeObjectURL(this.#player.src);
    this.#player.removeAttribute("src");
    this.#save.removeAttribute("href");
    this.#section.hidden = true;
  }

  #apply() {
    this.#button.disabled = !this.#possible || this.#state === "asked";
    this.#button.textContent = this.#state === "recording" ? "Stop recording" : "Record me";
  }

  #say(mood, text) {
    this.#said.dataset.mood = mood;
    const dot = html("span", { class: "dot", "aria-hidden": "true" });
    this.#said.replaceChildren(...(mood === "quiet" ? [] : [dot]), html("span", {}, text));
  }
}
