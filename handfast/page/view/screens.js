// Shows the two videos: the one that this page sends, and the one that the Python peer returns.

import { byId } from "./dom.js";

// Volume below 1: a full test tone is unpleasant, and loudspeakers near a microphone feed back.
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
    // People expect a mirror image of themselves, but not of a test picture.
    figure.classList.toggle("mirrored", kind === "camera");
  }

  /** Plays the returned video; resolves to false where sound needs a click first (autoplay policy). */
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
