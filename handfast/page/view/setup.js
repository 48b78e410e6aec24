// Draws the set-up of a call: begin and end of each step.

import { byId, html } from "./dom.js";

// Each step: its name, the mark at which it begins and the one at which it is done. A mark is the
// name of a machine of states.js with its value, and is kept when it comes for the first time.
const STEPS = [
  ["Join the room", "call", "server joined"],
  ["Offer and answer", "signaling have-local-offer", "signaling stable"],
  ["Gather addresses", "gathering gathering", "gathering complete"],
  ["Find a path (ICE)", "ice checking", "ice connected"],
  ["Agree on keys (DTLS)", "dtls connecting", "dtls connected"],
  ["Open the data channel", "dtls connected", "channel open"],
  ["First returned picture", "dtls connected", "picture shown"],
];

const WAITING = "How long each step takes, from the moment of the call.";
const SAME = new Map([["ice completed", "ice connected"]]);

export class Setup {
  #list = byId("setup");
  #note = byId("setup-note");
  #start = 0;
  #marks = new Map();

  constructor() {
    this.#draw();
  }

  begin(start) {
    this.#start = start;
    this.#marks = new Map([["call", 0]]);
    this.#draw();
  }

  /** Notes a mark that was reached, for example `ice checking`. */
  mark(what) {
    const name = SAME.get(what) ?? what;
    if (this.#marks.has(name)) return;
    this.#marks.set(name, performance.now() - this.#start);
    this.#draw();
  }

  /** Returns the milliseconds from the begin of the call to a mark, or null. */
  at(what) {
    return this.#marks.get(what) ?? null;
  }

  /** Milliseconds since the begin of the call. */
  get elapsed() {
    return performance.now() - this.#start;
  }

  #draw() {
    const spans = STEPS.map(([name, from, to]) => ({ name, from: this.at(from), to: this.at(to) }));
    const end = Math.max(1, ...spans.map(({ from, to }) => to ?? from ?? 0));
    this.#list.replaceChildren(...spans.map((span) => row(span, end)));
    const connected = this.at("connection connected");
    this.#note.textContent =
      connected === null ? WAITING : `Connected ${Math.round(connected)} ms after the call began.`;
  }
}

function row({ name, from, to }, end) {
  const bar = html("span", { class: "bar", "aria-hidden": "true" });
  const begun = from !== null;
  const done = begun && to !== null;
  if (begun) {
    // Two state machines may report in either order; no step has a negative duration.
    const until = Math.max(from, to ?? end);
    bar.style.setProperty("--from", from / end);
    bar.style.setProperty("--to", until / end);
  }
  const time = done ? `${Math.max(0, Math.round(to - from))} ms` : begun ? "…" : "–";
  return html(
    "li",
    { "data-step": done ? "done" : begun ? "busy" : "waiting" },
    html("span", { class: "step-name" }, name),
    html("span", { class: "track" }, bar),
    html("span", { class: "step-time" }, time),
  );
}
