// The link to this room, its QR code, and whether others can use it.

import { byId, html } from "../view/dom.js";
import { invitationNote } from "./words.js";

/** Asks the server for the link that others can use, and shows it; a room with tokens lets nobody in by it alone. */
export async function showInvitation(withToken) {
  const link = byId("link");
  const copy = byId("copy");
  copy.addEventListener("click", () => void copyLink(link, copy));
  try {
    const response = await fetch(`${location.pathname}/invitation`);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const { url, reachable } = await response.json();
    link.href = link.textContent = url;
    // An option is copied from it, and so is not broken in two.
    const words = invitationNote(url, reachable, withToken).split(/(--[a-z]+(?: [0-9.]+)?|#token=)/);
    byId("invite-note").replaceChildren(...words.map((word, i) => (i % 2 ? html("code", {}, word) : word)));
    byId("qr").src = `${location.pathname}/qr.svg`;
    byId("qr").hidden = !reachable || withToken;
  } catch {
    link.href = link.textContent = `${location.origin}${location.pathname}`;
  }
}

async function copyLink(link, button) {
  let copied = true;
  try {
    await navigator.clipboard.writeText(link.href);
  } catch {
    // Without https there is no clipboard but the one of before; selected, it can be copied by hand.
    getSelection().selectAllChildren(link);
    copied = document.execCommand("copy");
  }
  button.textContent = copied ? "Copied" : "Copy what is selected";
}
