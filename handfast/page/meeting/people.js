// The pictures of everybody in the room, and their sound.

import { byId, html } from "../view/dom.js";
import { TrustPanel } from "./trust.js";
import { STATES } from "./words.js";

/** Events: `blocked`, where the browser plays no sound before a click; `leave`, where somebody is not trusted. */
export class People extends EventTarget {
  #grid = byId("people");
  #tiles = new Map();
  #speaker = "";

  /** Shows this page's own picture, or its shared screen; a stream that is null ends it. */
  showOwn(key, { caption, name }, stream) {
    let tile = this.#tiles.get(key);
    if (!stream) {
      tile?.remove();
      this.#tiles.delete(key);
      return;
    }
    if (!tile) {
      tile = new Tile(name, key === "camera" ? "own mirrored" : "own");
      tile.say(caption, "");
      this.#tiles.set(key, tile);
      if (key === "camera") this.#grid.prepend(tile.element);
      else this.#tiles.get("camera").element.after(tile.element);
    }
    tile.show(stream, stream.getVideoTracks().some(({ enabled }) => enabled));
  }

  /** Shows a participant until it is gone. */
  show(participant, knownPeers) {
    const person = new Person(participant, this.#grid, knownPeers);
    for (const name of ["blocked", "leave"]) person.addEventListener(name, () => this.dispatchEvent(new Event(name)));
    person.useSpeaker(this.#speaker);
    this.#tiles.set(participant, person);
  }

  /** Removes a participant. */
  remove(participant) {
    this.#tiles.get(participant)?.remove();
    this.#tiles.delete(participant);
  }

  clear() {
    for (const tile of this.#tiles.values()) tile.remove();
    this.#tiles.clear();
  }

  /** Plays all sound with a speaker, by its device id. */
  useSpeaker(id) {
    this.#speaker = id;
    for (const tile of this.#tiles.values()) tile.useSpeaker?.(id);
  }

  /** Plays what the browser has held back; to be called in a click. */
  hear() {
    for (const tile of this.#tiles.values()) tile.hear?.();
  }
}

/** One participant: its pictures, each in a tile, its sound, and who says that it is this one. */
class Person extends EventTarget {
  #participant;
  #grid;
  #tiles = new Map();
  #empty;
  #audio = html("audio", { autoplay: "" });
  #sound = new MediaStream();
  #card;

  constructor(participant, grid, knownPeers) {
    super();
    this.#participant = participant;
    this.#grid = grid;
    const trust = new TrustPanel(participant, knownPeers);
    trust.addEventListener("leave", () => this.dispatchEvent(new Event("leave")));
    this.#card = html("div", { class: "someone" }, trust.element);
    this.#empty = new Tile(this.#name, "");
    this.#audio.srcObject = this.#sound;
    participant.on("track", ({ track }) => this.#add(track));
    participant.on("trackremoved", ({ track }) => this.#remove(track));
    participant.on("state", () => this.#draw());
    grid.append(this.#card, this.#audio);
    for (const track of participant.tracks.keys()) this.#add(track);
    this.#draw();
  }

  remove() {
    for (const tile of [...this.#tiles.values(), this.#empty]) tile.remove();
    this.#card.remove();
    this.#audio.remove();
  }

  useSpeaker(id) {
    this.#audio.setSinkId?.(id).catch(() => {});
  }

  hear() {
    this.#audio.play().catch(() => {});
  }

  get #name() {
    return this.#participant.name || "Somebody";
  }

  #add(track) {
    if (track.kind === "audio") {
      this.#sound.addTrack(track);
      this.#audio.play().catch(({ name }) => {
        if (name === "NotAllowedError") this.dispatchEvent(new Event("blocked"));
      });
    } else if (!this.#tiles.has(track)) {
      const tile = new Tile(this.#name, "");
      tile.show(new MediaStream([track]), true);
      this.#tiles.set(track, tile);
    }
    this.#draw();
  }

  #remove(track) {
    this.#sound.removeTrack(track);
    this.#tiles.get(track)?.remove();
    this.#tiles.delete(track);
    this.#draw();
  }

  #draw() {
    const state = STATES[this.#participant.state] ?? "";
    const tiles = [...this.#tiles.values()];
    if (tiles.length > 0) this.#empty.remove();
    else tiles.push(this.#empty);
    tiles.forEach((tile, i) => {
      // It is mostly a screen, whose text has to be read.
      tile.element.classList.toggle("further", i > 0);
      tile.say(i ? `${this.#name}, another picture` : this.#name, state);
      if (i > 0 && !tile.element.isConnected) this.#grid.append(tile.element);
      // Moved only where it has to be: a picture that moves begins anew.
      if (i === 0 && tile.element.parentElement !== this.#card) this.#card.prepend(tile.element);
    });
  }
}

class Tile {
  #video = html("video", { autoplay: "", playsinline: "" });
  #letter = html("span", { class: "letter", "aria-hidden": "true" });
  #caption = html("figcaption");
  element = html("figure", { class: "person" }, this.#video, this.#letter, this.#caption);

  constructor(name, kind) {
    // Sound has an element of its own, and so a picture plays without a click.
    this.#video.muted = true;
    for (const word of kind.split(" ").filter(Boolean)) this.element.classList.add(word);
    this.#letter.textContent = [...name][0].toUpperCase();
    this.say(name, "");
  }

  show(stream, on) {
    if (this.#video.srcObject !== stream) this.#video.srcObject = stream;
    this.element.classList.toggle("live", on);
  }

  say(name, state) {
    this.#video.setAttribute("aria-label", `Picture of ${name}`);
    const said = state ? [html("span", { class: "person-state" }, state)] : [];
    this.#caption.replaceChildren(html("span", { class: "person-name" }, name), ...said);
  }

  remove() {
    this.element.remove();
  }
}
