// Shows the media that the Python peer reports to receive.

import { byId } from "./dom.js";

const NOTHING = "nothing yet";

export class Report {
  #picture = byId("report-picture");
  #sound = byId("report-sound");

  clear() {
    this.#picture.textContent = NOTHING;
    this.#sound.textContent = NOTHING;
  }

  show({ picture, sound }) {
    this.#picture.textContent = picture
      ? `${picture.width} × ${picture.height}, ${picture.frames.toLocaleString("en")} frames`
      : NOTHING;
    this.#sound.textContent = sound ? describe(sound) : NOTHING;
  }
}

function describe({ pitch, level }) {
  if (pitch === null) return "silence";
  const decibels = Math.round(level).toString().replace("-", "−");
  return `${decibels} dB, strongest at ${Math.round(pitch)} Hz`;
}
