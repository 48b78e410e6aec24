// Owns the two pictures: what this page sends, and what the Python peer sends back.

import { byId } from "./dom.js";

// A test tone at full volume is nobody's pleasure, and loudspeakers near a microphone whistle.
const VOLUME = 0.4;

export class Screens {
  #returned = byId("returned");
  #sent = byId("sent");
  #onFirstPicture = () => {};

  constructor() {
    this.#returned.volume = VOLUME;
    this.#returned.addEventListener("loadeddata", () => {
      if (!this.#returned.videoWidth) return;
      this.#returned.closest("figure").classList.add("live");
      this.#onFirstPicture();
    });
  }

  onFirstPicture(listener) {
    this.#onFirstPicture = listener;
  }

  showSent({ kind, stream }) {
    this.#sent.srcObject = stream;
    const figure = this.#sent.closest("figure");
    figure.classList.add("live");
    // A mirror is what people expect of themselves, not of a test picture.
    figure.classList.toggle("mirrored", kind === "camera");
  }

  /** Resolves to false where the browser will not play sound before it is clicked upon. */
  async showReturned(stream) {
    if (this.#returned.srcObject === stream) return true;
    this.#returned.srcObject = stream;
    try {
      await this.#returned.play();
    } catch ({ name }) {
      return name !== "NotAllowedError";
    }
    return true;
  }

  showRates({ sentFrames, receivedFrames }) {
    byId("sent-note").textContent = note(this.#sent, sentFrames);
    byId("returned-note").textContent = note(this.#returned, receivedFrames);
  }

  speaker(on) {
    this.#returned.muted = !on;
    if (this.#returned.srcObject && this.#returned.paused) this.#returned.play().catch(() => {});
  }

  clear() {
    for (const video of [this.#sent, this.#returned]) {
      video.srcObject = null;
      video.closest("figure").classList.remove("live", "mirrored");
    }
    byId("sent-note").textContent = "";
    byId("returned-note").textContent = "";
    this.#onFirstPicture = () => {};
  }
}

function note({ videoWidth, videoHeight }, rate) {
  if (!videoWidth || rate === null) return "";
  return `${videoWidth} × ${videoHeight}, ${Math.round(rate)} fps`;
}
