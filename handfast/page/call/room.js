// The room of the demo: finds the Python peer, and exchanges messages with it (docs/SIGNALING.md).

import { Link } from "../handfast-client.js";

const ROOM = "demo";
const PEER_NAME = "python";
const TIMEOUT_MS = 8000;

/** A room cannot be used; `code` is one of view/words.js. */
export class RoomError extends Error {
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
    this.detail = detail;
  }
}

/**
 * Membership in the room of the Python peer.
 *
 * Events: `message` (an offer, answer, candidate or error of the peer, as `detail`), and once
 * `end` (a RoomError as `detail`) when the peer or the server is gone.
 */
export class Room extends EventTarget {
  #link;
  #peer = null;
  #joined = false;
  #over = false;

  /** Connects, joins and waits for the Python peer. Rejects with a RoomError. */
  static async enter(signal) {
    const room = new Room();
    const late = setTimeout(() => room.#end(new RoomError(room.#joined ? "no-peer" : "no-server")), TIMEOUT_MS);
    const leave = () => room.#end(new RoomError("left"));
    signal.addEventListener("abort", leave);
    try {
      await room.#met();
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", leave);
    }
    return room;
  }

  /** True if this page joined after the peer, and so is the polite one on glare. */
  polite = false;

  /** STUN and TURN servers for this page, as the room's server names them. */
  iceServers = [];

  send(message) {
    this.#link.send({ ...message, to: this.#peer });
  }

  /** Leaves the room without an `end` event. */
  leave() {
    this.#over = true;
    this.#link.leave();
  }

  constructor() {
    super();
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    this.#link = new Link(url, { room: ROOM, name: "page" });
    this.#link.addEventListener("message", ({ detail }) => this.#receive(detail));
    this.#link.addEventListener("end", ({ detail: { code, reason } }) => {
      this.#end(new RoomError(code, reason));
    });
  }

  /** Resolves when the peer is present; rejects with the error of `end`. */
  #met() {
    return new Promise((resolve, reject) => {
      this.addEventListener("met", resolve, { once: true });
      this.addEventListener("end", ({ detail }) => reject(detail), { once: true });
    });
  }

  #meet(member) {
    this.#peer = member;
    this.dispatchEvent(new Event("met"));
  }

  #receive(message) {
    switch (message.type) {
      case "joined": {
        this.#joined = true;
        const peer = message.peers.find(({ name }) => name === PEER_NAME);
        this.polite = peer !== undefined;
        this.iceServers = message.iceServers ?? [];
        if (peer) this.#meet(peer.member);
        break;
      }
      case "peer-joined":
        this.iceServers = message.iceServers ?? [];
        if (this.#peer === null && message.name === PEER_NAME) this.#meet(message.member);
        break;
      case "peer-left":
        if (message.member === this.#peer) this.#end(new RoomError("peer-left", message.reason));
        break;
      case "bye":
        if (message.from === this.#peer) this.#end(new RoomError("bye", message.reason));
        break;
      case "error":
        // A candidate that the peer has no use for ends no call; errors of other members are ignored.
        if (message.from === this.#peer && message.code !== "bad-candidate") {
          this.#end(new RoomError(message.code, message.reason));
        }
        break;
      default:
        if (message.from === this.#peer) {
          this.dispatchEvent(new CustomEvent("message", { detail: message }));
        }
    }
  }

  #end(error) {
    if (this.#over) return;
    this.leave();
    this.dispatchEvent(new CustomEvent("end", { detail: error }));
  }
}
