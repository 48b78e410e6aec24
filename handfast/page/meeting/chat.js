// The chat: lines of everybody, and a field for one's own.

import { byId, html } from "../view/dom.js";

const KEPT = 200;

/** Event: `say`, with the text as `detail`. */
export class Chat extends EventTarget {
  #lines = byId("lines");
  #field = byId("line");

  constructor() {
    super();
    byId("say").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#field.value.trim();
      if (!text) return;
      this.#field.value = "";
      this.dispatchEvent(new CustomEvent("say", { detail: text }));
    });
  }

  /** Adds a line of somebody; without a name, one of the page. */
  add(name, text) {
    const who = name ? [html("span", { class: "who" }, name), " "] : [];
    const line = html("p", name ? {} : { class: "note" }, ...who, html("span", { class: "text" }, text));
    this.#lines.append(line);
    if (this.#lines.childElementCount > KEPT) this.#lines.firstElementChild.remove();
    this.#lines.scrollTop = this.#lines.scrollHeight;
  }

  clear() {
    this.#lines.replaceChildren();
  }
}
