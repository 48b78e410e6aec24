// Shows the two current session descriptions, to be opened and copied.

import { byId, html } from "./dom.js";

const NAMES = { local: "This page’s", remote: "Python’s" };

export class Descriptions {
  #panels = { local: panel("local"), remote: panel("remote") };

  constructor() {
    byId("descriptions").replaceChildren(this.#panels.local.element, this.#panels.remote.element);
    this.clear();
  }

  clear() {
    for (const side of ["local", "remote"]) this.#panels[side].show(null);
  }

  set(side, description) {
    this.#panels[side].show(description);
  }
}

function panel(side) {
  const title = html("span", { class: "description-title" });
  const size = html("span", { class: "description-size" });
  const text = html("pre", { tabindex: "0", "data-description": side });
  const copy = html("button", { type: "button", class: "button quiet small" }, "Copy");
  const element = html(
    "details",
    { class: "card description" },
    html("summary", {}, title, size),
    html("div", { class: "description-body" }, copy, text),
  );
  copy.addEventListener("click", async () => {
    copy.textContent = (await copyText(text)) ? "Copied" : "Selected: press Ctrl+C";
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  });
  const show = (description) => {
    const sdp = description?.sdp ?? "";
    title.textContent = `${NAMES[side]} ${description?.type ?? "description"}`;
    text.setAttribute("aria-label", title.textContent);
    const lines = sdp.split("\n").length - 1;
    size.textContent = sdp ? `${lines} lines` : "none yet";
    text.textContent = sdp || "There is none before a call.";
    copy.disabled = !sdp;
  };
  return { element, show };
}

async function copyText(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    // Plain http from another machine has no clipboard: select the text, and let the user copy.
    getSelection().selectAllChildren(element);
    return false;
  }
}
