// The link to this room, its QR code, and whether others can use it.

import { byId } from "../view/dom.js";
import { invitationNote } from "./words.js";

/** Asks the server for the link that others can use, and shows it. */
export async function showInvitation() {
  const link = byId("link");
  const copy = byId("copy");
  copy.addEventListener("click", () => void copyLink(link, copy));
  try {
    const response = await fetch(`${location.pathname}/invitation`);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const { url, reachable } = await response.json();
    link.href = link.textContent = url;
    byId("invite-note").textContent = invitationNote(url, reachable);
    byId("qr").src = `${location.pathname}/qr.svg`;
    byId("qr").hidden = !reachable;
  } catch {
    link.href = link.textContent = `${location.origin}${location.pathname}`;
  }
}

async function copyLink(link, button) {
  try {
    await navigator.clipboard.writeText(link.href);
    button.textContent = "Copied";
  } catch {
    // Without https there is no clipboard: selected, it can be copied by hand.
    getSelection().selectAllChildren(link);
  }
}
