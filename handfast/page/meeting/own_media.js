// Camera, microphone and screen of this page: opened, changed and switched off, each with a sentence
// where that is not possible.

import { mediaProblem } from "./words.js";

const WANTED = {
  audioinput: { echoCancellation: true, noiseSuppression: true },
  videoinput: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
};
// What this tab has switched off: whoever is muted stays so after a reload.
const OFF = "handfast: off";
const KIND = { audioinput: "audio", videoinput: "video" };

/**
 * What this page sends.
 *
 * Events: `changed`; `added`, `removed` (`{ track, stream }`), and `replaced` (`{ old, track }`).
 */
export class OwnMedia extends EventTarget {
  /** Camera and microphone together, so that others play them in time with each other. */
  stream = new MediaStream();
  /** The shared screen, or null. */
  screen = null;
  /** Sentences about what cannot be sent. */
  problems = new Map();
  /** Kinds that are switched off, whichever device there is. */
  #off = new Set(sessionStorage.getItem(OFF)?.split(" "));

  /** The track of a kind ("audioinput" or "videoinput"), or undefined. */
  track(kind) {
    return this.stream.getTracks().find((track) => track.kind === KIND[kind]);
  }

  /** Opens camera and microphone, or the one of the two that there is. */
  async open() {
    try {
      // One question to the user for both.
      await this.#add({ audio: WANTED.audioinput, video: WANTED.videoinput });
    } catch {
      for (const kind of ["audioinput", "videoinput"]) await this.choose(kind, "");
    }
    this.dispatchEvent(new Event("changed"));
  }

  /** Takes another device of a kind in the place of the present one; "" is whichever there is. */
  async choose(kind, deviceId) {
    const old = this.track(kind);
    const wish = deviceId ? { ...WANTED[kind], deviceId: { exact: deviceId } } : WANTED[kind];
    // Firefox and phones give one microphone, and one camera, at a time.
    old?.stop();
    try {
      await this.#add({ [KIND[kind]]: wish }, old);
      this.problems.delete(kind);
    } catch (error) {
      if (old) this.#remove(old);
      this.problems.set(kind, mediaProblem(kind, error));
    }
    this.dispatchEvent(new Event("changed"));
  }

  /** Whether media of a kind is sent at present. */
  isOn(kind) {
    return this.track(kind)?.enabled ?? false;
  }

  /** Switches a kind on or off; others see black or hear silence, at once. */
  toggle(kind) {
    if (!this.#off.delete(kind)) this.#off.add(kind);
    sessionStorage.setItem(OFF, [...this.#off].join(" "));
    const track = this.track(kind);
    if (track) track.enabled = !this.#off.has(kind);
    this.dispatchEvent(new Event("changed"));
  }

  /** Shares the screen, or ends that. */
  async toggleScreen() {
    if (this.screen) return this.#endScreen();
    try {
      const screen = await navigator.mediaDevices.getDisplayMedia({ video: true });
      this.screen = screen;
      const [track] = screen.getVideoTracks();
      track.contentHint = "detail";
      // The browser has a button of its own that ends it.
      track.addEventListener("ended", () => this.screen === screen && this.#endScreen());
      this.#tell("added", { track, stream: screen });
    } catch {
      // Whoever closes the browser's window of choice knows why nothing is shared.
    }
    this.dispatchEvent(new Event("changed"));
  }

  /** Ends all of it. */
  stop() {
    for (const track of this.stream.getTracks()) {
      track.stop();
      this.stream.removeTrack(track);
    }
    if (this.screen) this.#endScreen();
  }

  async #add(constraints, old) {
    if (!navigator.mediaDevices) throw new DOMException("no mediaDevices", "InsecureContext");
    const opened = await navigator.mediaDevices.getUserMedia(constraints);
    for (const track of opened.getTracks()) {
      track.enabled = !this.#off.has(kindOf(track));
      if (old) this.stream.removeTrack(old);
      this.stream.addTrack(track);
      track.addEventListener("ended", () => this.#gone(track));
      if (old) this.#tell("replaced", { old, track });
      else this.#tell("added", { track, stream: this.stream });
    }
  }

  #gone(track) {
    if (!this.stream.getTracks().includes(track)) return;
    const kind = kindOf(track);
    this.problems.set(kind, mediaProblem(kind, { name: "Unplugged" }));
    this.#remove(track);
    this.dispatchEvent(new Event("changed"));
  }

  #remove(track) {
    this.stream.removeTrack(track);
    this.#tell("removed", { track });
  }

  #endScreen() {
    const [track] = this.screen.getVideoTracks();
    this.screen = null;
    track.stop();
    this.#tell("removed", { track });
    this.dispatchEvent(new Event("changed"));
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function kindOf(track) {
  return track.kind === "audio" ? "audioinput" : "videoinput";
}
