// The page of a room: before joining, and in it.

import { join } from "../handfast-client.js";
import { KnownPeers } from "../handfast-trust.js";
import { byId } from "../view/dom.js";
import { Chat } from "./chat.js";
import { Devices } from "./devices.js";
import { showInvitation } from "./invitation.js";
import { OwnMedia } from "./own_media.js";
import { People } from "./people.js";
import { Recording } from "./recording.js";
import { AWAY, CALLS_GO_ON, company, problemFor } from "./words.js";

const NAME = decodeURIComponent(location.pathname.split("/").at(-1));
// The name of this tab in this room, by which a reload comes back; and the one of the last visit to any
// room, which other tabs change.
const JOINED = `handfast: name in ${NAME}`;
const CALLED = "handfast name";
// Milliseconds until a reload tries again to come back; each further one waits twice as long, up to the
// last.
const RETURN_MS = 500;
const LAST_RETURN_MS = 15_000;

const media = new OwnMedia();
const devices = new Devices(media);
const people = new People();
const chat = new Chat();
const recording = new Recording(NAME);
const knownPeers = await KnownPeers.open();
let room = null;
let returnDelay = RETURN_MS;
let returnTimer;

/** For the console and for tests. */
globalThis.handfast = { media, get room() { return room; } };

function say(mood, text) {
  byId("status").dataset.mood = mood;
  byId("status-text").textContent = text;
}

function showProblem(code, reason) {
  byId("problem").dataset.code = code;
  [byId("problem-title").textContent, byId("problem-text").textContent] = problemFor(code, reason);
  byId("problem").hidden = false;
}

function showRoom(inside) {
  byId("lobby").hidden = inside;
  byId("meeting").hidden = !inside;
  byId(inside ? "devices-during" : "devices-before").append(byId("devices"));
  byId(inside ? "sending" : "switches").prepend(byId("toggle-microphone"), byId("toggle-camera"));
}

function ownToken() {
  // The fragment of a URL is sent to no server, and so not logged by one.
  return new URLSearchParams(location.hash.slice(1)).get("token") ?? undefined;
}

async function enter() {
  if (room) return;
  clearTimeout(returnTimer);
  const name = byId("name").value.trim();
  byId("problem").hidden = true;
  byId("join").disabled = true;
  say("busy", "Joining the room…");
  try {
    // WebCrypto, of which phrases are made, is there in secure contexts only.
    room = await join({ room: NAME, name, token: ownToken(), storage: sessionStorage, phrases: isSecureContext, knownPeers });
  } catch ({ code, reason, message }) {
    if (code === "no-server" && sessionStorage.getItem(JOINED)) return comeBackLater();
    sessionStorage.removeItem(JOINED);
    say("bad", "Not in the room");
    return showProblem(code ?? "unknown", reason ?? message);
  } finally {
    byId("join").disabled = false;
  }
  returnDelay = RETURN_MS;
  sessionStorage.setItem(JOINED, name);
  localStorage.setItem(CALLED, name);
  showRoom(true);
  recording.enter(room);
  listen(room);
  for (const track of media.stream.getTracks()) room.publish(track, media.stream);
  drawOwn();
  drawStatus();
}

// Loaded again while the room server restarts: the others wait for a while, and this page comes back
// whenever it can.
function comeBackLater() {
  say("busy", AWAY);
  returnTimer = setTimeout(() => void enter(), returnDelay * (0.5 + Math.random() / 2));
  returnDelay = Math.min(2 * returnDelay, LAST_RETURN_MS);
}

function listen(joined) {
  for (const participant of joined.participants) meet(participant);
  joined.on("participant", meet);
  joined.on("left", (participant) => {
    people.remove(participant);
    chat.add("", `${participant.name || "Somebody"} left.`);
    drawStatus();
  });
  joined.on("chat", ({ participant, text }) => chat.add(participant.name || "Somebody", text));
  joined.on("status", drawStatus);
  joined.on("end", ({ code, reason }) => {
    sessionStorage.removeItem(JOINED);
    finish("bad", "Not in the room");
    showProblem(code, reason);
  });
}

function meet(participant) {
  recording.meet(participant);
  people.show(participant, knownPeers);
  chat.add("", `${participant.name || "Somebody"} is here.`);
  drawStatus();
}

function drawStatus() {
  if (!room) return;
  if (room.status === "returning") return say("busy", CALLS_GO_ON);
  say("good", company(room.participants.length));
}

function drawOwn() {
  const { stream } = media;
  const seen = media.isOn("videoinput");
  // What is switched off would be a black picture.
  byId("preview").srcObject = seen ? stream : null;
  byId("preview-figure").classList.toggle("live", seen);
  for (const [button, kind] of [["toggle-microphone", "audioinput"], ["toggle-camera", "videoinput"]]) {
    byId(button).disabled = media.track(kind) === undefined;
    byId(button).setAttribute("aria-pressed", media.isOn(kind));
  }
  byId("share").setAttribute("aria-pressed", media.screen !== null);
  if (!room) return;
  people.showOwn("camera", { caption: "You", name: room.name }, stream);
  people.showOwn("screen", { caption: "Your screen", name: room.name }, media.screen);
}

function leave() {
  sessionStorage.removeItem(JOINED);
  recording.leave();
  room?.leave();
  finish("quiet", "You have left the room");
}

function finish(mood, text) {
  room = null;
  recording.leave();
  people.clear();
  chat.clear();
  showRoom(false);
  drawOwn();
  say(mood, text);
}

media.addEventListener("changed", drawOwn);
media.addEventListener("added", ({ detail: { track, stream } }) => room?.publish(track, stream));
media.addEventListener("removed", ({ detail: { track } }) => room?.unpublish(track));
media.addEventListener("replaced", ({ detail: { old, track } }) => void room?.replaceTrack(old, track));
devices.addEventListener("speaker", ({ detail }) => people.useSpeaker(detail));
people.addEventListener("blocked", () => (byId("hear").hidden = false));
people.addEventListener("leave", leave);
chat.addEventListener("say", ({ detail }) => {
  if (!room) return;
  chat.add("You", detail);
  if (room.say(detail) === 0) chat.add("", "Nobody else is here to read it.");
});
byId("lobby").addEventListener("submit", (event) => {
  event.preventDefault();
  void enter();
});
byId("toggle-microphone").addEventListener("click", () => media.toggle("audioinput"));
byId("toggle-camera").addEventListener("click", () => media.toggle("videoinput"));
byId("share").addEventListener("click", () => void media.toggleScreen());
byId("share").hidden = !navigator.mediaDevices?.getDisplayMedia;
byId("leave").addEventListener("click", leave);
byId("hear").addEventListener("click", () => {
  people.hear();
  byId("hear").hidden = true;
});

document.title = `${NAME} – handfast`;
byId("room-name").textContent = NAME;
byId("name").value = sessionStorage.getItem(JOINED) ?? localStorage.getItem(CALLED) ?? "";
void showInvitation(ownToken() !== undefined);
void recording.open();
if (globalThis.RTCPeerConnection) {
  say("quiet", "Ready to join");
  await media.open();
  if (sessionStorage.getItem(JOINED)) await enter();
} else {
  byId("join").disabled = true;
  say("bad", "This browser cannot join");
  showProblem("no-webrtc");
}
globalThis.handfast.ready = true;
