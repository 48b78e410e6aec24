// Membership in a room over WebSockets that may break: its session is resumed, and no message is lost
// or doubled (docs/SIGNALING.md, "Sessions that outlive a connection").

// Close codes of a refusal by the server, whose close reason is an error code.
const REFUSALS = new Set([1008, 1013]);
// Messages about the WebSocket and not the session: neither counted nor sent again.
const UNCOUNTED = new Set(["joined", "resumed", "ping", "ack"]);
// Milliseconds for which the server keeps the place of a member whose WebSocket broke.
const KEPT_MS = 30_000;
// Milliseconds before the first try to return; each further one waits twice as long, up to the last.
const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 5000;
const ATTEMPT_MS = 5000;
// Milliseconds until messages that arrived are acknowledged.
const ACK_MS = 200;
// Most messages that wait for their acknowledgement.
const KEPT_MESSAGES = 256;

/**
 * Sends and receives the messages of one member.
 *
 * Events: `message` (each message that is for the member, `joined` included, as `detail`) and once
 * `end` (`{ code, reason }`) when the membership is over: `no-server`, `server-gone`, `too-slow` or
 * an error code of the server.
 */
export class Link extends EventTarget {
  #url;
  #join;
  #socket = null;
  #session = null;
  #sent = [];
  #acknowledged = 0;
  #received = 0;
  #ackTimer = null;
  #retryTimer = null;
  #attemptTimer = null;
  #brokeAt = null;
  #delay = FIRST_DELAY_MS;
  #ready = false;
  #over = false;
  #refusal = "";

  constructor(url, join) {
    super();
    this.#url = url;
    this.#join = { type: "join", ...join, resumable: true };
    this.#open();
  }

  /** Sends a message, at once or after the return. */
  send(message) {
    if (this.#over) return;
    if (this.#sent.length >= KEPT_MESSAGES) return this.#end("too-slow");
    const text = JSON.stringify(message);
    this.#sent.push(text);
    if (this.#ready) this.#socket.send(text);
  }

  /** Leaves the room, without an `end` event. */
  leave() {
    if (this.#over) return;
    this.#over = true;
    for (const timer of [this.#ackTimer, this.#retryTimer, this.#attemptTimer]) clearTimeout(timer);
    this.#socket.close(1000);
  }

  #open() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#attemptTimer = setTimeout(() => socket.close(), ATTEMPT_MS);
    socket.addEventListener("open", () => {
      const resume = { type: "resume", session: this.#session, received: this.#received };
      socket.send(JSON.stringify(this.#session === null ? this.#join : resume));
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket && !this.#over) this.#receive(JSON.parse(data));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (socket === this.#socket && !this.#over) this.#closed(code, reason);
    });
  }

  #closed(code, reason) {
    clearTimeout(this.#attemptTimer);
    this.#ready = false;
    if (REFUSALS.has(code)) return this.#end(reason || "refused", this.#refusal);
    if (this.#session === null) return this.#end("no-server");
    this.#brokeAt ??= performance.now();
    if (performance.now() - this.#brokeAt > KEPT_MS) return this.#end("server-gone");
    // Those whom one restart of the server has disconnected must not all return at once.
    this.#retryTimer = setTimeout(() => this.#open(), this.#delay * (0.5 + Math.random() / 2));
    this.#delay = Math.min(2 * this.#delay, LAST_DELAY_MS);
  }

  #receive(message) {
    if (!UNCOUNTED.has(message.type)) this.#count();
    switch (message.type) {
      case "joined":
        this.#session = message.session ?? null;
        this.#resume(0);
        this.#tell(message);
        break;
      case "resumed":
        this.#resume(message.received);
        break;
      case "ping":
        this.#socket.send(JSON.stringify({ type: "pong" }));
        break;
      case "ack":
        this.#forget(message.received);
        break;
      case "error":
        // Of the server: where it is serious, the WebSocket closes with the code as its reason.
        if (message.from === undefined) this.#refusal = message.reason ?? "";
        else this.#tell(message);
        break;
      default:
        this.#tell(message);
    }
  }

  #resume(received) {
    clearTimeout(this.#attemptTimer);
    this.#forget(received);
    this.#brokeAt = null;
    this.#delay = FIRST_DELAY_MS;
    this.#ready = true;
    for (const text of this.#sent) this.#socket.send(text);
  }

  #count() {
    this.#received += 1;
    this.#ackTimer ??= setTimeout(() => {
      this.#ackTimer = null;
      if (this.#ready) this.#socket.send(JSON.stringify({ type: "ack", received: this.#received }));
    }, ACK_MS);
  }

  #forget(received) {
    this.#sent.splice(0, received - this.#acknowledged);
    this.#acknowledged = received;
  }

  #tell(message) {
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  #end(code, reason = "") {
    this.leave();
    this.dispatchEvent(new CustomEvent("end", { detail: { code, reason } }));
  }
}
