// The way to a room by its name; one that nobody guesses is proposed.

import { byId } from "../view/dom.js";

// Without letters and digits that are taken for each other when a name is read out.
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
const LENGTH = 12;

function proposal() {
  const numbers = crypto.getRandomValues(new Uint32Array(LENGTH));
  const letters = [...numbers].map((number) => LETTERS[number % LETTERS.length]);
  return letters.join("").replace(/(.{4})(?=.)/g, "$1-");
}

const name = byId("room");
name.value = proposal();
name.select();
byId("door").addEventListener("submit", (event) => {
  event.preventDefault();
  const room = name.value.trim();
  if (room) location.assign(`room/${encodeURIComponent(room)}`);
});
