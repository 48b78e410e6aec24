// The choice of camera, microphone and speaker.

import { byId, html } from "../view/dom.js";
import { Level } from "./level.js";

const SELECTS = new Map([
  ["videoinput", byId("camera")],
  ["audioinput", byId("microphone")],
  ["audiooutput", byId("speaker")],
]);
const NONE = { videoinput: "No camera", audioinput: "No microphone", audiooutput: "As the system has it" };

/** Event: `speaker`, with the id of an audio output as `detail`. */
export class Devices extends EventTarget {
  #media;
  #level = new Level(byId("level"));
  #metered = null;

  constructor(media) {
    super();
    this.#media = media;
    for (const kind of ["videoinput", "audioinput"]) {
      const select = SELECTS.get(kind);
      select.addEventListener("change", () => void media.choose(kind, select.value));
    }
    const speaker = SELECTS.get("audiooutput");
    speaker.addEventListener("change", () => {
      this.dispatchEvent(new CustomEvent("speaker", { detail: speaker.value }));
    });
    // Firefox and Safari may leave the choice of a speaker to the system.
    byId("speaker-field").hidden = !("setSinkId" in HTMLMediaElement.prototype);
    media.addEventListener("changed", () => void this.refresh());
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.refresh());
  }

  /** Shows the devices that there are, and what is sent. */
  async refresh() {
    this.#showLevel();
    byId("media-note").textContent = [...this.#media.problems.values()].join(" ");
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    for (const [kind, select] of SELECTS) {
      this.#fill(kind, select, devices.filter((device) => device.kind === kind && device.deviceId));
    }
  }

  #fill(kind, select, devices) {
    const chosen = kind === "audiooutput" ? select.value : this.#media.track(kind)?.getSettings().deviceId;
    const none = kind === "audiooutput" || chosen === undefined;
    const options = devices.map(({ deviceId, label }, i) =>
      html("option", { value: deviceId }, label || `Number ${i + 1}`),
    );
    if (none && !devices.some(({ deviceId }) => deviceId === "default")) {
      options.unshift(html("option", { value: "" }, NONE[kind]));
    }
    select.replaceChildren(...options);
    if (chosen !== undefined) select.value = chosen;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
    select.disabled = devices.length === 0;
  }

  #showLevel() {
    const track = this.#media.track("audioinput") ?? null;
    if (track === this.#metered) return;
    this.#metered = track;
    this.#level.show(track && new MediaStream([track]));
  }
}
