// Recording of the room: the button, what everybody is told while it runs, and the files for whoever asked.

import { byId, html } from "../view/dom.js";
import { duration, recordingEnd, recordingProblem, recordingTerms, size } from "./words.js";

const PLACE = new URL("../room-recordings", location.href);
const LOOK_MS = 1000;
const REMIND_MS = 60_000;
// Milliseconds without a word of the recorder after which nothing is said to be recorded.
const SILENCE_MS = 10_000;
const LABEL = "recording";
const LONGEST_NAME = 64;

/** Asks for recordings of one room, and shows them. */
export class Recording {
  #key;
  #room = null;
  /** Address of the recording that this tab has asked for; nobody else knows it. */
  #ticket = null;
  #running = false;
  #timer;
  #silence;

  /** @param room name of the room */
  constructor(room) {
    this.#key = `handfast: recording of ${room}`;
    byId("record").addEventListener("click", () => (this.#running ? void this.#stop() : byId("record-ask").showModal()));
    byId("record-start").addEventListener("click", () => void this.#start());
    byId("record-cancel").addEventListener("click", () => byId("record-ask").close());
  }

  /** Asks the server whether it records, and how far the recording is that this tab has asked for. */
  async open() {
    const offer = await ask("GET", "");
    if (offer.available !== true) return;
    byId("record").hidden = false;
    byId("record-terms").textContent = recordingTerms(offer);
    this.#ticket = sessionStorage.getItem(this.#key);
    if (this.#ticket) await this.#look();
  }

  /** Goes on in a room that was joined. */
  enter(room) {
    this.#room = room;
  }

  /** Listens to what a participant says of a recording. */
  meet(participant) {
    const listen = (connection) => {
      connection.addEventListener("datachannel", ({ channel }) => {
        if (channel.label !== LABEL) return;
        channel.addEventListener("message", ({ data }) => {
          if (!participant.held) this.#hear(data);
        });
        channel.addEventListener("close", () => this.#hush());
      });
    };
    participant.on("connection", listen);
    if (participant.connection) listen(participant.connection);
  }

  /** Ends what this tab has asked for, as the room is left. */
  leave() {
    if (this.#room && this.#running) void this.#stop();
    this.#room = null;
    this.#hush();
    if (byId("record-ask").open) byId("record-ask").close();
  }

  async #start() {
    byId("record-ask").close();
    if (!this.#room) return;
    byId("record").disabled = true;
    const layout = document.querySelector("input[name=layout]:checked").value;
    const status = await ask("POST", "", { ...(await this.#room.membership()), layout });
    byId("record").disabled = false;
    if (!status.ticket) return this.#say("bad", recordingProblem(status));
    this.#ticket = status.ticket;
    sessionStorage.setItem(this.#key, this.#ticket);
    this.#show(status);
  }

  async #stop() {
    byId("record").disabled = true;
    this.#say("busy", "The recording is being completed…");
    this.#show(await ask("DELETE", `/${this.#ticket}`));
    byId("record").disabled = false;
  }

  async #look() {
    this.#show(await ask("GET", `/${this.#ticket}`));
  }

  #show(status) {
    clearTimeout(this.#timer);
    if (status.code === "unreachable") {
      // The server is away: it goes on, or has ended, and tells when it is there again.
      this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
      return;
    }
    this.#run(status.done === false);
    byId("recording-files").replaceChildren();
    if (status.done === undefined) {
      sessionStorage.removeItem(this.#key);
      return this.#say("quiet", "The recording is not on the server any more.");
    }
    const notes = status.notes.map((note) => `${note}. `).join("");
    if (!status.done) {
      // While all goes well, what everybody sees of it is enough.
      byId("recording-mine").hidden = true;
      if (notes || status.end) this.#say("busy", `${notes}Your recording ${status.end ? "is being completed" : "goes on"}.`);
      this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
      return;
    }
    this.#say(status.files.length > 0 ? "good" : "bad", `${notes}${recordingEnd(status)}`);
    const links = status.files.map((file) => {
      const link = html("a", { href: `${PLACE}/${file.url}`, download: file.name }, file.name);
      return html("li", {}, link, ` ${duration(file.seconds)}, ${size(file.size)}`);
    });
    byId("recording-files").replaceChildren(...links);
    // Until the server has deleted them.
    if (links.length > 0) this.#timer = setTimeout(() => void this.#look(), Math.min(REMIND_MS, 1000 * status.keptFor + LOOK_MS));
  }

  #run(running) {
    this.#running = running;
    byId("record").textContent = running ? "Stop recording" : "Record";
  }

  #say(mood, text) {
    byId("recording-mine").hidden = false;
    byId("recording-said").dataset.mood = mood;
    // What is said again each second is not to be read out each second.
    if (byId("recording-said").textContent !== text) byId("recording-said").textContent = text;
  }

  #hear(data) {
    if (!this.#room || typeof data !== "string") return;
    let notice;
    try {
      notice = JSON.parse(data);
    } catch {
      return;
    }
    if (notice === null || typeof notice.by !== "string" || typeof notice.seconds !== "number") return;
    const by = notice.by.slice(0, LONGEST_NAME) || "somebody";
    const said = `This room is recorded, as ${by} asked.`;
    if (byId("recorded-by").textContent !== said) byId("recorded-by").textContent = said;
    byId("recorded-time").textContent = duration(notice.seconds);
    byId("recorded").hidden = false;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#hush(), SILENCE_MS);
  }

  #hush() {
    clearTimeout(this.#silence);
    byId("recorded").hidden = true;
    byId("recorded-by").textContent = "";
  }
}

/** Asks the server; what it refuses has a `code`. */
async function ask(method, path, body) {
  try {
    const response = await fetch(`${PLACE}${path}`, { method, body: body && JSON.stringify(body) });
    if (response.headers.get("content-type")?.startsWith("application/json")) return await response.json();
    return { code: response.ok ? "unreadable" : `status ${response.status}` };
  } catch {
    return { code: "unreachable" };
  }
}
