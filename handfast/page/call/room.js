// Owns the WebSocket to the room server: who is there, and messages to and from one of them.
// The protocol is docs/SIGNALING.md.

const ROOM = "demo";
const PEER_NAME = "python";
const TIMEOUT_MS = 8000;
// Close codes with which the server says that it will not have us; the reason is an error's code.
const REFUSALS = new Set([1008, 1013]);

/** Why a room cannot be used; `code` is one of view/words.js. */
export class RoomError extends Error {
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
    this.detail = detail;
  }
}

/**
 * A place in the room together with the Python peer.
 *
 * Events: `message` (an offer, answer, candidate or error of the peer, as `detail`), and once
 * `end` (a RoomError as `detail`) when the peer or the server is gone.
 */
export class Room extends EventTarget {
  #socket;
  #peer = null;
  #joined = false;
  #over = false;

  /** Connect, join and wait until the Python peer is there. Rejects with a RoomError. */
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

  /** Whether this page came after the peer, and so is the polite one when offers collide. */
  polite = false;

  send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ ...message, to: this.#peer }));
    }
  }

  /** Leave without an `end` event. */
  leave() {
    this.#over = true;
    this.#socket.close(1000);
  }

  constructor() {
    super();
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("open", () => {
      this.#socket.send(JSON.stringify({ type: "join", room: ROOM, name: "page" }));
    });
    this.#socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(data)));
    this.#socket.addEventListener("close", ({ code, reason }) => {
      if (REFUSALS.has(code)) this.#end(new RoomError(reason || "refused"));
      else this.#end(new RoomError(this.#joined ? "server-gone" : "no-server"));
    });
  }

  /** Until the peer is there; rejects with what `end` says. */
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
        if (peer) this.#meet(peer.member);
        break;
      }
      case "peer-joined":
        if (this.#peer === null && message.name === PEER_NAME) this.#meet(message.member);
        break;
      case "ping":
        this.#socket.send(JSON.stringify({ type: "pong" }));
        break;
      case "peer-left":
        if (message.member === this.#peer) this.#end(new RoomError("peer-left", message.reason));
        break;
      case "bye":
        if (message.from === this.#peer) this.#end(new RoomError("bye", message.reason));
        break;
      case "error":
        // Of the server, or of the peer; other visitors of the room are none of our business.
        if (message.from === undefined || message.from === this.#peer) {
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
