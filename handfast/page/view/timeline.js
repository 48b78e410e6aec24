// Lists the events of the call with their times since its begin.

import { byId, html } from "./dom.js";

const KEPT = 200;

export class Timeline {
  #list = byId("timeline");
  #note = byId("timeline-note");
  #start = 0;

  /** Starts a new call at a time in milliseconds of `performance.now`. */
  begin(start) {
    this.#start = start;
    this.#list.replaceChildren();
    this.#note.hidden = true;
  }

  /** Adds an event of `subject`; `mood` is one of states.js. */
  add(subject, text, mood = "quiet") {
    const item = html(
      "li",
      { "data-mood": mood },
      html("time", {}, since(performance.now() - this.#start)),
      html("span", { class: "subject" }, subject),
      html("span", { class: "change" }, text),
    );
    const atEnd = this.#list.scrollTop + this.#list.clientHeight >= this.#list.scrollHeight - 8;
    this.#list.append(item);
    if (this.#list.childElementCount > KEPT) this.#list.firstElementChild.remove();
    if (atEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

function since(ms) {
  if (ms < 10_000) return `${(ms / 1000).toFixed(3)} s`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
