// Shows the present state of every state machine of the call.

import { byId, html } from "./dom.js";

/** State machines in the order in which they move, with their names for people. */
export const MACHINES = new Map([
  ["server", "Room server"],
  ["signaling", "Signalling"],
  ["gathering", "ICE gathering"],
  ["ice", "ICE connection"],
  ["dtls", "DTLS"],
  ["connection", "Connection"],
  ["channel", "Data channel"],
]);

const MOODS = new Map([
  ...["joined", "stable", "complete", "connected", "completed", "open"].map((s) => [s, "good"]),
  ...["failed", "disconnected", "gone"].map((s) => [s, "bad"]),
  ...["new", "closed", "left", "–"].map((s) => [s, "quiet"]),
]);

/** Returns the mood that colours a state: good, bad, quiet or busy. */
export function moodOf(state) {
  return MOODS.get(state) ?? "busy";
}

export class States {
  #shown = new Map();

  constructor() {
    const rows = [...MACHINES].map(([name, label]) => {
      const value = html("dd", { "data-state": name });
      this.#shown.set(name, value);
      return html("div", {}, html("dt", {}, label), value);
    });
    byId("states").replaceChildren(...rows);
    this.clear();
  }

  set(name, value) {
    const cell = this.#shown.get(name);
    const dot = html("span", { class: "dot", "aria-hidden": "true" });
    cell.dataset.mood = moodOf(value);
    cell.replaceChildren(dot, value);
  }

  clear() {
    for (const name of this.#shown.keys()) this.set(name, "–");
  }
}
