// Who a participant is, and by what: the phrase that two people compare, and a key that has changed.

import { html } from "../view/dom.js";
import { changedKey, howToCompare, mismatch, NOT_KEPT, NOT_REMEMBERED, verdict, whyNoPhrase } from "./trust_words.js";

/** Asked for once, at the first phrase; null where the server has no words. */
let words;

/** Event: `leave`, where the user wants to leave the room. */
export class TrustPanel extends EventTarget {
  #participant;
  #knownPeers;
  #list = null;
  /** Why there is no phrase, and what could not be kept. */
  #problem = null;
  #note = "";
  #shown = "";
  #dot = html("span", { class: "dot", "aria-hidden": "true" });
  #verdict = html("span");
  #summary = html("summary", {}, this.#dot, this.#verdict);
  #body = html("div", { class: "trust-body" });
  element = html("details", { class: "trust", hidden: "" }, this.#summary, this.#body);

  constructor(participant, knownPeers) {
    super();
    this.#participant = participant;
    this.#knownPeers = knownPeers;
    participant.on("trust", () => this.#draw());
    participant.on("connection", () => {
      this.#problem = null;
      this.#draw();
    });
    participant.on("phrase", (found) => void this.#take(found));
    if (participant.phrase) void this.#take(participant.phrase);
    this.#draw();
  }

  async #take(found) {
    this.#problem = found instanceof Error ? found : null;
    if (!this.#problem) {
      words ??= wordList();
      this.#list = await words;
    }
    this.#draw();
  }

  get #name() {
    return this.#participant.name || "Somebody";
  }

  #draw() {
    const { trust, phrase, distrusted, held } = this.#participant;
    this.element.hidden = !trust;
    if (!trust) return;
    const [mood, text] = verdict(this.#participant, this.#problem ?? !isSecureContext);
    const shown = JSON.stringify([text, this.#name, phrase?.digits, this.#list !== null, trust.shown, trust.changed, this.#note]);
    // What is the same stays, and with it the place of a reader and the focus.
    if (shown === this.#shown) return;
    const focused = this.#body.contains(document.activeElement);
    this.#shown = shown;
    this.#summary.dataset.mood = mood;
    this.#verdict.textContent = text;
    this.#body.replaceChildren(...this.#content().filter(Boolean));
    this.element.open = held || distrusted || (phrase !== null && trust.level !== "phrase");
    if (focused) this.#summary.focus();
  }

  #content() {
    const { trust, phrase, distrusted } = this.#participant;
    if (distrusted) {
      return [alert(mismatch(this.#name)), actions(this.#button("Leave the room", () => this.#leave(), "danger"), this.#button("Compare once more", () => this.#participant.distrust(false)))];
    }
    if (trust.changed) {
      return [
        alert(changedKey(this.#name, trust.changed)),
        html("dl", { class: "keys" }, ...key("Before", trust.changed.fingerprints), ...key("Now", trust.shown)),
        ...(phrase ? [note("If you can reach each other by another way, compare this phrase."), ...this.#phrase(phrase)] : []),
        actions(
          phrase && this.#button("It matches", () => this.#participant.confirmPhrase(phrase), "primary"),
          this.#button("Accept the new key", () => this.#participant.acceptCertificate()),
          this.#button(`Keep ${this.#name} out`, () => this.#participant.hangUp("another certificate than before"), "danger"),
        ),
      ];
    }
    const forget = trust.level !== "nothing" && this.#button("Forget this key", () => this.#participant.forget());
    const kept = this.#note ? note(this.#note) : !this.#knownPeers.kept && note(NOT_KEPT);
    if (!phrase) return [(this.#problem || !isSecureContext) && trust.level === "nothing" && note(whyNoPhrase(this.#name)), kept, forget && actions(forget)];
    if (trust.level === "phrase") return [...this.#phrase(phrase), kept, actions(forget)];
    return [
      note(howToCompare(this.#name)),
      ...this.#phrase(phrase),
      kept,
      actions(
        this.#button("It matches", () => this.#participant.confirmPhrase(phrase), "primary"),
        this.#button("It does not match", () => this.#participant.distrust()),
        forget,
      ),
    ];
  }

  #phrase(phrase) {
    const names = phrase.emoji.map(({ name }) => name).join(", ");
    const symbols = phrase.emoji.map(({ symbol, name }) => html("span", { title: name }, symbol));
    return [
      this.#list && html("p", { class: "phrase-words", lang: "en", translate: "no" }, phrase.words(this.#list).join(" ")),
      html("p", { class: "phrase-emoji", role: "img", "aria-label": names }, ...symbols),
      html("p", { class: "phrase-digits" }, phrase.digits),
    ];
  }

  #button(text, act, kind = "") {
    const button = html("button", { type: "button", class: `button small ${kind}`.trim() }, text);
    button.addEventListener("click", () => void this.#act(act));
    return button;
  }

  async #act(act) {
    this.#note = "";
    try {
      await act();
    } catch ({ code }) {
      // Keys that changed meanwhile have a phrase of their own, which is shown.
      if (code !== "phrase-changed") this.#note = NOT_REMEMBERED;
    }
    this.#draw();
  }

  #leave() {
    this.dispatchEvent(new Event("leave"));
  }
}

function note(text) {
  return html("p", { class: "card-note" }, text);
}

function alert(text) {
  return html("p", { class: "trust-alert", role: "alert" }, text);
}

function actions(...buttons) {
  return html("p", { class: "trust-actions" }, ...buttons.filter(Boolean));
}

function key(label, fingerprints) {
  return [html("dt", {}, label), ...fingerprints.map((each) => html("dd", {}, html("code", {}, each)))];
}

async function wordList() {
  try {
    const answer = await fetch(new URL("../handfast-words.json", import.meta.url));
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
