// The buttons: choice of the source, call and hang up, and the toggles during a call.

import { byId } from "./dom.js";

/** Events: `call`, `hang-up`. */
export class Controls extends EventTarget {
  #source = byId("source");
  #call = byId("call");
  #toggles = ["picture", "sound", "speaker"].map((name) => byId(`toggle-${name}`));
  #calling = false;

  constructor() {
    super();
    // ?source=synthetic chooses the source; tests need the known picture and pitch.
    const wanted = new URLSearchParams(location.search).get("source");
    const choice = [...this.#source.querySelectorAll("input")].find(({ value }) => value === wanted);
    if (choice) choice.checked = true;
    this.#call.addEventListener("click", () => {
      this.dispatchEvent(new Event(this.#calling ? "hang-up" : "call"));
    });
    for (const toggle of this.#toggles) {
      toggle.addEventListener("click", () => this.#set(toggle, !isOn(toggle)));
    }
  }

  #set(toggle, on) {
    toggle.setAttribute("aria-pressed", on);
    this.#apply();
  }

  #apply = () => {};

  /** "camera" or "synthetic". */
  get source() {
    return this.#source.querySelector("input:checked").value;
  }

  inCall(calling) {
    this.#calling = calling;
    this.#source.disabled = calling;
    this.#call.textContent = calling ? "Hang up" : "Call the Python peer";
    this.#call.classList.toggle("primary", !calling);
    this.#call.classList.toggle("danger", calling);
    for (const toggle of this.#toggles) toggle.disabled = !calling;
    if (!calling) this.#apply = () => {};
  }

  /** Sets the tracks and elements that the three toggles act on. */
  use(stream, screens) {
    this.#apply = () => {
      const [picture, sound, speaker] = this.#toggles.map(isOn);
      for (const track of stream.getVideoTracks()) track.enabled = picture;
      for (const track of stream.getAudioTracks()) track.enabled = sound;
      screens.speaker(speaker);
    };
    this.#apply();
  }

  speakerOff() {
    this.#set(byId("toggle-speaker"), false);
  }

  disable() {
    this.#call.disabled = true;
    this.#source.disabled = true;
  }
}

function isOn(toggle) {
  return toggle.getAttribute("aria-pressed") === "true";
}
