// Room client for web pages (docs/CLIENT.md): joins a room of a handfast server, and keeps one
// RTCPeerConnection to each other participant, over WebSockets and servers that come and go.
// @ts-check

// Close codes of a refusal by the server, whose close reason is an error code.
const REFUSALS = new Set([1008, 1013]);
// Refusals after which another try ends no better.
const FINAL = new Set(["forbidden", "unauthorized", "replaced", "malformed", "too-large", "unexpected", "too-fast"]);
// Messages about the WebSocket and not the session: neither counted nor sent again.
const UNCOUNTED = new Set(["joined", "resumed", "ping", "ack"]);
// Milliseconds for which a return to the session is tried: longer than the server keeps the place.
const KEPT_MS = 35_000;
// Milliseconds before the first try to return; each further one waits twice as long, up to the last.
const FIRST_DELAY_MS = 100;
const LAST_DELAY_MS = 5000;
// Likewise before the first try to join anew, where the session is over.
const REJOIN_MS = 500;
const LAST_REJOIN_MS = 15_000;
const ATTEMPT_MS = 10_000;
// Milliseconds until messages that arrived are acknowledged.
const ACK_MS = 200;
// Most messages that wait for their acknowledgement, or of one peer for their turn.
const KEPT_MESSAGES = 256;
// Most other participants: the largest room of a server has 64 members.
const MOST_PARTICIPANTS = 63;
// Milliseconds from the failure of ICE to the first restart, the most until another one, what the
// polite peer waits beyond that, and the most restarts in a row: as signaling/ice_recovery.py has it.
const RESTART_MS = 1000;
const LAST_RESTART_MS = 60_000;
const POLITE_MS = 4000;
const MOST_RESTARTS = 10;
// Milliseconds for which the one who was there first waits for the newcomer's offer.
const PATIENCE_MS = 500;
// Milliseconds until a connection that was not made counts as one that cannot be: without a pair of
// candidates browsers report nothing.
const CONNECT_MS = 25_000;
// Milliseconds for which somebody whose place is empty may come back as the same participant.
const AWAY_MS = 15_000;
// Most characters of a line of chat, lines that wait for one channel, and bytes in its buffer.
const LONGEST_LINE = 4000;
const KEPT_LINES = 32;
const MOST_BUFFERED = 256 * 1024;

/** @typedef {{ type: string, [field: string]: any }} Message a message of docs/SIGNALING.md */
/** @typedef {{ member: string, name?: string, identity?: string }} Peer */
/** @typedef {"offer" | "early-answer" | "delayed-offer"} Opening how an end takes part in the first exchange */
/** @typedef {"calling" | "ringing" | "connected" | "interrupted" | "unreachable" | "away" | "gone"} ParticipantState */

/**
 * An EventTarget whose events are CustomEvents; `on` knows the type of each one's detail.
 * @template {Record<string, any>} Events
 */
class Emitter extends EventTarget {
  /**
   * Calls `listener` with the detail of each event of this name; returns what ends that.
   * @template {keyof Events & string} Name
   * @param {Name} name
   * @param {(detail: Events[Name]) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const heard = (/** @type {Event} */ event) => listener(/** @type {CustomEvent} */ (event).detail);
    this.addEventListener(name, heard);
    return () => this.removeEventListener(name, heard);
  }
}

/** @param {EventTarget} target @param {string} name @param {any} [detail] */
function emit(target, name, detail) {
  target.dispatchEvent(new CustomEvent(name, { detail }));
}

/** A room that cannot be joined, or is over; `code` is one of docs/SIGNALING.md, or `no-server`. */
export class RoomError extends Error {
  /** @param {string} code @param {string} [reason] */
  constructor(code, reason = "") {
    super(reason || code);
    this.name = "RoomError";
    this.code = code;
    this.reason = reason;
  }
}

/**
 * Membership in a room over WebSockets that may break: its session is resumed, and no message is
 * lost or doubled. `Room` is made of it; alone it serves pages that negotiate by themselves.
 *
 * Events: `message` (each one that is for the member, `joined` included), `broken` and `returned`
 * (the WebSocket), and once `end` when the membership is over: `no-server`, `server-gone`,
 * `too-slow` or an error code of the server.
 * @extends {Emitter<{ message: Message, broken: void, returned: void, end: { code: string, reason: string } }>}
 */
export class Link extends Emitter {
  #url;
  #join;
  #token;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {string | null} */
  #session = null;
  /** @type {string[]} */
  #sent = [];
  #acknowledged = 0;
  #received = 0;
  /** @type {number | undefined} */
  #ackTimer;
  /** @type {number | undefined} */
  #retryTimer;
  /** @type {number | undefined} */
  #attemptTimer;
  /** @type {number | null} */
  #brokeAt = null;
  #delay = FIRST_DELAY_MS;
  #ready = false;
  #over = false;
  #refusal = "";

  /**
   * @param {string | URL} url of the server's WebSocket
   * @param {{ room: string, name?: string, identitySecret?: string }} join
   * @param {string | (() => string | Promise<string>)} [token] shown at each join and return
   */
  constructor(url, join, token) {
    super();
    this.#url = url;
    this.#join = { type: "join", ...join, resumable: true };
    this.#token = token;
    this.#open();
  }

  /** Servers for new connections, with the credentials that came last. @type {RTCIceServer[]} */
  iceServers = [];

  /** Secret of the session, which shows the server who this member is; null before it has joined. */
  get session() {
    return this.#session;
  }

  /** Sends a message, at once or after the return. @param {Message} message */
  send(message) {
    if (this.#over) return;
    if (this.#sent.length >= KEPT_MESSAGES) return this.#end("too-slow");
    const text = JSON.stringify(message);
    this.#sent.push(text);
    if (this.#ready) this.#socket?.send(text);
  }

  /** Leaves the room, without an `end` event. */
  leave() {
    if (this.#over) return;
    this.#over = true;
    for (const timer of [this.#ackTimer, this.#retryTimer, this.#attemptTimer]) clearTimeout(timer);
    this.#socket?.close(1000);
  }

  #open() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#attemptTimer = setTimeout(() => socket.close(), ATTEMPT_MS);
    socket.addEventListener("open", () => void this.#enter(socket));
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket && !this.#over) this.#read(data);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (socket === this.#socket && !this.#over) this.#closed(code, reason);
    });
  }

  /** @param {WebSocket} socket */
  async #enter(socket) {
    const resume = { type: "resume", session: this.#session, received: this.#received };
    const first = this.#session === null ? this.#join : resume;
    try {
      const token = typeof this.#token === "function" ? await this.#token() : this.#token;
      socket.send(JSON.stringify(token === undefined ? first : { ...first, token }));
    } catch (error) {
      if (socket === this.#socket) this.#end("unauthorized", String(error));
    }
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    clearTimeout(this.#attemptTimer);
    const wasReady = this.#ready;
    this.#ready = false;
    if (REFUSALS.has(code)) return this.#end(reason || "refused", this.#refusal);
    if (this.#session === null) return this.#end("no-server");
    if (wasReady) emit(this, "broken");
    this.#brokeAt ??= performance.now();
    if (performance.now() - this.#brokeAt > KEPT_MS) return this.#end("server-gone");
    // Those whom one restart of the server has disconnected must not all return at once.
    this.#retryTimer = setTimeout(() => this.#open(), this.#delay * (0.5 + Math.random() / 2));
    this.#delay = Math.min(2 * this.#delay, LAST_DELAY_MS);
  }

  /** @param {string} data */
  #read(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return this.#end("malformed", "the server sent what is not JSON");
    }
    this.#receive(message);
  }

  /** @param {Message} message */
  #receive(message) {
    if (!UNCOUNTED.has(message.type)) this.#count();
    if (message.iceServers !== undefined) this.iceServers = message.iceServers;
    switch (message.type) {
      case "joined":
        this.#session = message.session ?? null;
        this.#resume(0);
        emit(this, "message", message);
        break;
      case "resumed":
        this.#resume(message.received);
        emit(this, "returned");
        break;
      case "ping":
        this.#socket?.send(JSON.stringify({ type: "pong" }));
        break;
      case "ack":
        this.#forget(message.received);
        break;
      case "error":
        // Of the server: where it is serious, the WebSocket closes with the code as its reason.
        if (message.from === undefined) this.#refusal = message.reason ?? "";
        else emit(this, "message", message);
        break;
      default:
        emit(this, "message", message);
    }
  }

  /** @param {number} received */
  #resume(received) {
    clearTimeout(this.#attemptTimer);
    this.#forget(received);
    this.#brokeAt = null;
    this.#delay = FIRST_DELAY_MS;
    this.#ready = true;
    for (const text of this.#sent) this.#socket?.send(text);
  }

  #count() {
    this.#received += 1;
    this.#ackTimer ??= setTimeout(() => {
      this.#ackTimer = undefined;
      if (this.#ready) this.#socket?.send(JSON.stringify({ type: "ack", received: this.#received }));
    }, ACK_MS);
  }

  /** @param {number} received */
  #forget(received) {
    this.#sent.splice(0, received - this.#acknowledged);
    this.#acknowledged = received;
  }

  /** @param {string} code @param {string} [reason] */
  #end(code, reason = "") {
    this.leave();
    emit(this, "end", { code, reason });
  }
}

/**
 * @typedef {object} NegotiationOptions
 * @property {boolean} polite whether this end gives way on glare: who joined later does
 * @property {(message: Message) => void} send carries a message to the peer
 * @property {(message: Message) => void} [renew] called with a message that wants a new
 *     RTCPeerConnection: of a peer that has another one than before, or its offer where both have
 *     offered first. Without it our offer is rolled back then, which costs libwebrtc its data channels.
 * @property {boolean} [phrase] take part in a phrase that two people compare (docs/TRUST.md)
 * @property {(sdp: string) => Promise<void>} [judge] looks at each description of the peer before it is applied
 * @property {number} [patience] milliseconds for which the impolite end waits for the first offer
 * @property {Opening} [opening] `early-answer`: rings, with provisional answers and no offers until
 *     `accept`; `delayed-offer`: asks the peer to make the first offer; `offer` by default
 */

/**
 * Perfect negotiation of one RTCPeerConnection (W3C webrtc-pc section 10.7), with ICE restarts where
 * the path has failed. Make it before tracks and channels are added.
 *
 * Events: `description` (one that came into force), `ringing` (the peer calls, and waits for `accept`),
 * `phrase` (a Phrase, or an Error that says why there is none), and `error` (after which the connection
 * is as it was).
 * @extends {Emitter<{ ringing: void, description: { side: "local" | "remote", description: RTCSessionDescription }, phrase: import("./handfast-phrase.js").Phrase | Error, error: Error }>}
 */
export class Negotiation extends Emitter {
  #connection;
  #send;
  #renew;
  #judge;
  #opening;
  #accepted;
  #rung = false;
  #invited = false;
  #needed = false;
  #judging = false;
  #putOff = false;
  #makingOffer = false;
  #ignoreOffer = false;
  #settingAnswer = false;
  #waiting = 0;
  #restarts = 0;
  /** @type {number | undefined} */
  #offerTimer;
  /** @type {number | undefined} */
  #restartTimer;
  #queue = Promise.resolve();
  /** @type {Promise<import("./handfast-phrase.js").PhraseExchange> | null} */
  #phrases = null;
  // Over once a description was sent that takes part in a phrase.
  /** @type {Promise<void> | null} */
  #signing = null;
  // The peer's offer as it came: browsers keep no attribute that they do not know.
  #offered = "";

  /** @param {RTCPeerConnection} connection @param {NegotiationOptions} options */
  constructor(connection, { polite, send, renew, judge, patience = 0, phrase = false, opening = "offer" }) {
    super();
    this.#connection = connection;
    this.#send = send;
    if (phrase) this.#phrases = this.#exchange();
    this.#renew = renew;
    this.#judge = judge;
    this.polite = polite;
    this.#opening = opening;
    this.#accepted = opening !== "early-answer";
    connection.addEventListener("negotiationneeded", () => {
      this.#needed = true;
      // An offer of ours would collide with the one that is being judged.
      if (this.#judging) this.#putOff = true;
      if (!this.#accepted || this.#waitsForOffer() || this.#judging) return;
      const waits = patience > 0 && !this.polite && connection.remoteDescription === null;
      if (waits) this.#offerTimer ??= setTimeout(() => void this.#offer(), patience);
      else void this.#offer();
    });
    connection.addEventListener("icecandidate", async ({ candidate }) => {
      // Not before the description that they belong to.
      if (this.#signing !== null) await this.#signing;
      send({ type: "candidate", ...candidate?.toJSON() });
    });
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState === "complete") this.#describe("local");
    });
    connection.addEventListener("iceconnectionstatechange", () => this.#watch());
    connection.addEventListener("signalingstatechange", () => this.#watch());
    this.#invite();
  }

  /** Whether a call waits for somebody to accept it, at this end or the other. */
  get ringing() {
    return (this.#rung && !this.#accepted) || this.#connection.signalingState.endsWith("-pranswer");
  }

  /** Sends the final answer, now or when the peer calls. */
  accept() {
    if (this.#accepted) return;
    this.#accepted = true;
    this.#after(async () => {
      const { signalingState } = this.#connection;
      if (signalingState === "have-local-pranswer" || signalingState === "have-remote-offer") await this.#sendDescription();
      else if (signalingState === "stable" && (this.#invited || this.#needed)) await this.#offer();
    });
  }

  /** Takes a description, candidate or error of the peer, after those before it. @param {Message} message */
  receive(message) {
    if (this.#waiting >= KEPT_MESSAGES) return;
    this.#waiting += 1;
    this.#after(async () => {
      this.#waiting -= 1;
      await this.#take(message);
    });
  }

  /** Looks at a description of the peer once more, after what came before. @param {string} sdp */
  check(sdp) {
    this.#after(async () => this.#judge?.(sdp));
  }

  /** @param {() => Promise<void>} step taken after those before it, unless the connection is closed */
  #after(step) {
    this.#queue = this.#queue.then(async () => {
      if (this.#connection.signalingState !== "closed") await step().catch((error) => this.#fail(error));
    });
  }

  /** Goes on over a new session with the peer, which may not have had the latest. @param {boolean} polite */
  takeOver(polite) {
    this.polite = polite;
    const { signalingState, localDescription, currentLocalDescription, currentRemoteDescription } = this.#connection;
    // It may be what was lost; the peer waits for it then.
    if (currentLocalDescription?.type === "answer") {
      this.#send({ ...currentLocalDescription.toJSON(), answers: originOf(currentRemoteDescription?.sdp) });
    }
    // Not rolled back: the peer may have accepted it, and only the answer was lost.
    const open = signalingState === "have-local-offer" || signalingState === "have-local-pranswer";
    if (open && localDescription) this.#send(localDescription.toJSON());
    if (signalingState === "stable") this.#invite();
  }

  /** Ends it; closing the connection is its owner's. */
  stop() {
    clearTimeout(this.#offerTimer);
    clearTimeout(this.#restartTimer);
  }

  /** Asks for the first offer, where this end does not make it (RFC 5763 section 6.4). */
  #invite() {
    if (this.#waitsForOffer()) this.#send({ type: "invite" });
  }

  #waitsForOffer() {
    return this.#opening === "delayed-offer" && this.#connection.remoteDescription === null;
  }

  #ring() {
    if (this.#rung) return;
    this.#rung = true;
    emit(this, "ringing");
  }

  async #offer() {
    this.#needed = this.#invited = false;
    try {
      this.#makingOffer = true;
      await this.#sendDescription();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#makingOffer = false;
    }
  }

  /** @param {Message} message */
  async #take(message) {
    switch (message.type) {
      case "offer":
      case "answer":
      case "pranswer":
        try {
          return await this.#takeDescription(message);
        } finally {
          if (this.#putOff && this.#needed && this.#connection.signalingState === "stable") void this.#offer();
          this.#putOff = false;
        }
      case "invite":
        return this.#takeInvite();
      case "candidate":
        return this.#takeCandidate(message);
      case "phrase":
        return (await this.#phrases)?.receive(message.message);
      case "error":
        if (message.code === "bad-candidate") return;
        if (message.code === "bad-description") await this.#rollBack();
        this.#fail(new RoomError(message.code, message.reason));
    }
  }

  async #takeInvite() {
    // In any other state an exchange is under way, which is what the peer asks for.
    if (this.#makingOffer || this.#connection.signalingState !== "stable") return;
    this.#invited = true;
    if (this.#accepted) await this.#offer();
    else this.#ring();
  }

  /** @param {Message} message */
  async #takeDescription(message) {
    const pc = this.#connection;
    const { type, sdp } = message;
    const known = pc.remoteDescription?.sdp;
    // Sent again over a new session, and not what this end waits for.
    if (message.answers && message.answers !== originOf(pc.pendingLocalDescription?.sdp)) return;
    if (this.#renew && known !== undefined && sessionOf(known) !== sessionOf(sdp)) return this.#renew(message);
    if (type === "offer" && pc.signalingState === "have-local-pranswer") return this.#repeatEarlyAnswer(sdp);
    await this.#judged(sdp);
    if (pc.signalingState === "closed") return;
    // While an answer is being applied, the state counts as stable.
    const stable = pc.signalingState === "stable" || this.#settingAnswer;
    const collision = type === "offer" && (this.#makingOffer || !stable);
    this.#ignoreOffer = !this.polite && collision;
    if (this.#ignoreOffer) return;
    if (this.#renew && collision && known === undefined) return this.#renew(message);
    // What is still to be offered then is asked for anew.
    clearTimeout(this.#offerTimer);
    // An answer to an offer that was sent again may come twice.
    if (type !== "offer" && pc.signalingState === "stable") return;
    if (type === "offer") this.#offered = sdp;
    this.#settingAnswer = type === "answer";
    try {
      await pc.setRemoteDescription({ type: /** @type {RTCSdpType} */ (type), sdp });
    } catch (error) {
      if (type === "pranswer" && isNotSupported(error)) return;
      this.#send({ type: "error", code: "bad-description", reason: String(error).slice(0, 500) });
      // The final answer may be better than a provisional one.
      if (type === "answer") await this.#rollBack();
      throw error;
    } finally {
      this.#settingAnswer = false;
    }
    this.#describe("remote");
    if (type === "offer") return this.#answer();
    if (type === "pranswer") return;
    const offer = pc.localDescription?.sdp ?? "";
    await (await this.#phrases)?.begin({ offer, answer: sdp, weOffered: true });
  }

  /** @param {string} sdp of the peer */
  async #judged(sdp) {
    if (!this.#judge) return;
    this.#judging = true;
    try {
      await this.#judge(sdp);
    } finally {
      this.#judging = false;
    }
  }

  async #answer() {
    // What was held back is in the answer, or asked for again after it.
    this.#needed = this.#invited = false;
    if (!this.#accepted) this.#ring();
    // Whoever listens may have accepted.
    if (this.#accepted) await this.#sendDescription();
    else await this.#answerEarly();
  }

  /** Answers provisionally, where the browser can. */
  async #answerEarly() {
    const pc = this.#connection;
    const { sdp } = await pc.createAnswer();
    try {
      await pc.setLocalDescription({ type: "pranswer", sdp });
    } catch (error) {
      if (isNotSupported(error)) return;
      throw error;
    }
    this.#describe("local");
    if (pc.localDescription) this.#send(pc.localDescription.toJSON());
  }

  /** @param {string} sdp of an offer where another one, or the same, has an early answer */
  #repeatEarlyAnswer(sdp) {
    const { localDescription, remoteDescription } = this.#connection;
    if (localDescription && originOf(sdp) === originOf(remoteDescription?.sdp)) return this.#send(localDescription.toJSON());
    const reason = "an offer where its former one is answered provisionally";
    this.#send({ type: "error", code: "unexpected", reason });
  }

  /** @param {Message} message */
  async #takeCandidate({ candidate = "", sdpMid, sdpMLineIndex, usernameFragment }) {
    const end = sdpMid === undefined && sdpMLineIndex === undefined;
    // An ICE restart may overtake candidates, and browsers differ in what they say of it.
    const known = this.#connection.remoteDescription?.sdp ?? "";
    if (usernameFragment && !known.includes(`a=ice-ufrag:${usernameFragment}\r\n`)) return;
    const added = end ? undefined : { candidate, sdpMid, sdpMLineIndex, usernameFragment };
    try {
      await this.#connection.addIceCandidate(added);
      this.#describe("remote");
    } catch (error) {
      if (!this.#ignoreOffer) throw error;
    }
  }

  async #sendDescription() {
    const pc = this.#connection;
    const phrases = await this.#phrases;
    let signed = () => {};
    if (phrases) this.#signing = new Promise((resolve) => (signed = resolve));
    try {
      await pc.setLocalDescription();
      if (pc.localDescription === null) return;
      this.#describe("local");
      if (!phrases) return this.#send(pc.localDescription.toJSON());
      const { type, sdp } = pc.localDescription;
      const offer = type === "offer" ? undefined : this.#offered;
      this.#send({ type, sdp: await phrases.sign(sdp, offer) });
      if (offer !== undefined) await phrases.begin({ offer, answer: sdp, weOffered: false });
    } finally {
      signed();
      this.#signing = null;
    }
  }

  async #exchange() {
    const { PhraseExchange } = await import("./handfast-phrase.js");
    return new PhraseExchange(
      (message) => this.#send({ type: "phrase", message }),
      (found) => emit(this, "phrase", found),
    );
  }

  async #rollBack() {
    const pc = this.#connection;
    if (pc.signalingState === "have-local-offer") await pc.setLocalDescription({ type: "rollback" });
  }

  /** @param {"local" | "remote"} side */
  #describe(side) {
    const pc = this.#connection;
    const description = side === "local" ? pc.localDescription : pc.remoteDescription;
    if (description) emit(this, "description", { side, description });
  }

  #watch() {
    const { iceConnectionState, signalingState } = this.#connection;
    if (iceConnectionState === "connected" || iceConnectionState === "completed") this.#restarts = 0;
    if (iceConnectionState !== "failed") {
      clearTimeout(this.#restartTimer);
      this.#restartTimer = undefined;
    } else if (signalingState === "stable" && this.#restarts < MOST_RESTARTS) {
      const delay = Math.min(RESTART_MS * 2 ** this.#restarts, LAST_RESTART_MS);
      this.#restartTimer ??= setTimeout(() => this.#restart(), this.polite ? delay + POLITE_MS : delay);
    }
  }

  #restart() {
    this.#restartTimer = undefined;
    const { iceConnectionState, signalingState } = this.#connection;
    // In the middle of an exchange: it may be the restart of the other end.
    if (iceConnectionState !== "failed" || signalingState !== "stable") return this.#watch();
    this.#restarts += 1;
    this.#connection.restartIce();
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.#connection.signalingState === "closed") return;
    emit(this, "error", error instanceof Error ? error : new Error(String(error)));
  }
}

/**
 * Tells whether the browser cannot do what was asked. Firefox 153 has no provisional answers: a call
 * rings there all the same, and media begins when it is accepted.
 * @param {unknown} error
 */
function isNotSupported(error) {
  return error instanceof DOMException && error.name === "NotSupportedError";
}

/** Returns the o= line, which names a description (RFC 3264 section 8). @param {string} [sdp] */
function originOf(sdp = "") {
  return /^o=[^\r\n]*/m.exec(sdp)?.[0];
}

/** Returns what names a peer connection in its descriptions (RFC 9429 section 5.2.1). @param {string} sdp */
function sessionOf(sdp) {
  return /^o=\S+ (\S+)/m.exec(sdp)?.[1];
}

/**
 * Another participant of a room, with the RTCPeerConnection to it; the same one after a reload of its
 * page or a restart of the server. `connection` is a new one then, where theirs is.
 *
 * Events: `state`, `track` and `trackremoved` (with its `streams`), `connection` (a new one, before
 * anything was added to it), `phrase` (where the room compares phrases: a Phrase, or an Error that says
 * why there is none), `trust` (where the room knows peers: who says that it is this one) and `error`.
 * @extends {Emitter<{ state: ParticipantState, trust: import("./handfast-trust.js").PeerTrust, track: { track: MediaStreamTrack, streams: readonly MediaStream[] }, trackremoved: { track: MediaStreamTrack }, connection: RTCPeerConnection, phrase: import("./handfast-phrase.js").Phrase | Error, error: Error }>}
 */
export class Participant extends Emitter {
  #room;
  #polite = false;
  #seated = false;
  #wasConnected = false;
  #late = false;
  /** @type {Negotiation | null} */
  #negotiation = null;
  /** @type {RTCDataChannel[]} */
  #chats = [];
  /** @type {string[]} */
  #unsent = [];
  /** What this end sends, by the track of the room. @type {Map<MediaStreamTrack, RTCRtpSender>} */
  #senders = new Map();
  /** Tracks that came while nothing is let through. @type {Map<MediaStreamTrack, readonly MediaStream[]>} */
  #heldTracks = new Map();
  /** Lines of chat likewise. @type {string[]} */
  #heldLines = [];
  #held = false;
  #distrusted = false;
  /** @type {Promise<import("./handfast-trust.js").PeerJudge> | null} */
  #judge = null;
  /** The description that was judged last. */
  #described = "";
  /** @type {number | undefined} */
  #connectTimer;
  /** @type {number | undefined} */
  #awayTimer;

  /** What two people compare, where the room does. @type {import("./handfast-phrase.js").Phrase | null} */
  phrase = null;

  /** Who says that it is this one, where the room knows peers. @type {import("./handfast-trust.js").PeerTrust | null} */
  trust = null;

  /**
   * Made by `Room`.
   * @param {Peer} peer
   * @param {RoomSide} room
   */
  constructor(peer, room) {
    super();
    this.#room = room;
    this.accepted = room.opening !== "early-answer";
    this.member = peer.member;
    this.name = peer.name ?? "";
    this.identity = peer.identity;
  }

  /** The connection; null while the participant is away. @type {RTCPeerConnection | null} */
  connection = null;

  /** @type {ParticipantState} */
  state = "calling";

  /** Whether this end takes calls of it: not where the room rings, until `accept`. */
  accepted = true;

  /** Whether nothing is let through in either direction: another certificate, or `distrust`. */
  get held() {
    return this.#held;
  }

  /** Whether the user has said that its phrase does not match. */
  get distrusted() {
    return this.#distrusted;
  }

  /** Tracks that it sends, with their streams; none while it is held. @type {Map<MediaStreamTrack, readonly MediaStream[]>} */
  tracks = new Map();

  /** For `Room`: it has taken a place. @param {Peer} peer @param {boolean} polite */
  seat(peer, polite) {
    this.#seated = true;
    this.#polite = polite;
    this.member = peer.member;
    const renamed = this.name !== (peer.name ?? "");
    this.name = peer.name ?? "";
    // Who is known by one name is not by another.
    if (renamed && this.#described) this.#negotiation?.check(this.#described);
    if (this.#negotiation) this.#negotiation.takeOver(polite);
    else this.#connect();
    this.#update();
  }

  /** For `Room`: its place is empty. @param {boolean} closed whether its connection is over, too */
  unseat(closed) {
    this.#seated = false;
    if (closed) this.#disconnect();
    this.#update();
  }

  /** For `Room`: takes a message of it. @param {Message} message */
  receive(message) {
    this.#negotiation?.receive(message);
  }

  /** For `Room`. @param {MediaStreamTrack} track @param {readonly MediaStream[]} streams */
  publish(track, streams) {
    // A sender without a track would be taken for another one's (W3C webrtc-pc section 5.1).
    if (this.#held || this.#senders.has(track)) return;
    const sender = this.connection?.addTrack(track, ...streams);
    if (sender) this.#senders.set(track, sender);
  }

  /** For `Room`. @param {MediaStreamTrack} track */
  unpublish(track) {
    const sender = this.#senders.get(track);
    this.#senders.delete(track);
    if (sender) this.connection?.removeTrack(sender);
  }

  /** For `Room`. @param {MediaStreamTrack} old @param {MediaStreamTrack} track */
  async replace(old, track) {
    const sender = this.#senders.get(old);
    if (!sender) return;
    this.#senders.delete(old);
    this.#senders.set(track, sender);
    if (!this.#held) await sender.replaceTrack(track);
  }

  /** For `Room`: sends a line of chat, now or when the channel opens; false if too many wait. @param {string} text */
  say(text) {
    const channel = this.#held ? undefined : this.#chats.find(({ readyState }) => readyState === "open");
    if (channel === undefined) {
      if (this.#unsent.length >= KEPT_LINES) return false;
      this.#unsent.push(text);
      return true;
    }
    if (channel.bufferedAmount > MOST_BUFFERED) return false;
    channel.send(JSON.stringify({ text }));
    return true;
  }

  /** Accepts its call, the present one or those to come, in a room with `opening: "early-answer"`. */
  accept() {
    this.accepted = true;
    this.#negotiation?.accept();
    this.#update();
  }

  /**
   * Notes that two people have compared the phrase, and it agrees: it is remembered where the room knows
   * peers, and what was held back passes.
   * @param {import("./handfast-phrase.js").Phrase} phrase what they have compared
   */
  async confirmPhrase(phrase) {
    const judge = await this.#judge;
    const { trust } = this;
    const theirs = trust?.shown.join(" ");
    // Who comes in at a rekey would be confirmed by people who compared the one before.
    if (!judge || !trust || phrase !== this.phrase || phrase.theirs.join(" ") !== theirs) {
      throw new RoomError("phrase-changed", "the certificates have changed since this phrase was shown");
    }
    this.#distrusted = false;
    await this.#trusting(await judge.remember(this.name, trust, true));
  }

  /** Takes the certificate that it shows in the place of the one that it was remembered by. */
  async acceptCertificate() {
    const judge = await this.#judge;
    if (judge && this.trust?.changed) await this.#trusting(await judge.remember(this.name, this.trust, false));
  }

  /** Forgets it, so that the next contact is a first one. */
  async forget() {
    const judge = await this.#judge;
    if (judge && this.trust) await this.#trusting(await judge.forget(this.name, this.trust));
  }

  /** Lets nothing through in either direction, as its phrase does not match; or lets it, on second thoughts. */
  async distrust(distrusted = true) {
    this.#distrusted = distrusted;
    const held = this.#hold();
    if (this.trust) emit(this, "trust", this.trust);
    await held;
  }

  /** Ends the call with it, or declines it; either may call again. @param {string} [reason] told to it */
  hangUp(reason = "hung up") {
    if (this.#seated) this.#room.send({ type: "bye", to: this.member, reason });
    this.#room.end(this);
  }

  /** For `Room`: it is gone for good. */
  end() {
    clearTimeout(this.#awayTimer);
    this.#disconnect();
    this.#seated = false;
    if (this.state === "gone") return;
    this.state = "gone";
    emit(this, "state", "gone");
  }

  /** Judges a description of it, before it is applied. @param {RTCPeerConnection} pc @param {string} sdp */
  async #look(pc, sdp) {
    const judge = await this.#judge;
    const trust = await judge?.judge(this.name, sdp);
    if (!trust || pc !== this.connection) return;
    this.#described = sdp;
    if (trust.shown.join(" ") !== this.trust?.shown.join(" ")) this.phrase = null;
    await this.#trusting(trust);
  }

  /** @param {import("./handfast-trust.js").PeerTrust} trust */
  async #trusting(trust) {
    this.trust = trust;
    const held = this.#hold();
    // Told at once: what a connection that closes meanwhile was asked never comes to an end.
    emit(this, "trust", trust);
    await held;
  }

  /** Holds back what passes between the two, or lets it through. */
  async #hold() {
    const held = this.#distrusted || (this.trust?.changed ?? null) !== null;
    if (held === this.#held) return;
    this.#held = held;
    if (held) {
      for (const [track, streams] of [...this.tracks]) {
        this.#heldTracks.set(track, streams);
        this.tracks.delete(track);
        emit(this, "trackremoved", { track });
      }
    } else {
      for (const [track, streams] of this.#heldTracks) this.#show(track, streams);
      this.#heldTracks.clear();
      for (const text of this.#heldLines.splice(0)) this.#room.hear(this, text);
      for (const text of this.#unsent.splice(0)) this.say(text);
    }
    await Promise.all([...this.#senders].map(([track, sender]) => sender.replaceTrack(held ? null : track)));
    if (!held) for (const [track, streams] of this.#room.published) this.publish(track, streams);
  }

  #connect() {
    const pc = new RTCPeerConnection(this.#room.configuration());
    this.connection = pc;
    this.#judge = this.#room.judge();
    const negotiation = new Negotiation(pc, {
      polite: this.#polite,
      send: (message) => this.#seated && this.#room.send({ ...message, to: this.member }),
      renew: (message) => {
        this.#disconnect();
        this.#connect();
        if (message.type === "offer") this.receive(message);
      },
      judge: this.#judge === null ? undefined : (sdp) => this.#look(pc, sdp),
      patience: PATIENCE_MS,
      phrase: this.#room.phrases,
      opening: this.accepted && this.#room.opening === "early-answer" ? "offer" : this.#room.opening,
    });
    this.#negotiation = negotiation;
    this.phrase = null;
    negotiation.on("phrase", (found) => {
      if (negotiation !== this.#negotiation) return;
      this.phrase = found instanceof Error ? null : found;
      emit(this, "phrase", found);
    });
    this.#wasConnected = this.#late = false;
    negotiation.on("error", (error) => emit(this, "error", error));
    negotiation.on("ringing", () => this.#update());
    pc.addEventListener("signalingstatechange", () => {
      if (pc === this.connection) this.#update();
    });
    pc.addEventListener("connectionstatechange", () => {
      if (pc === this.connection) this.#update();
    });
    pc.addEventListener("track", ({ track, streams }) => this.#addTrack(track, streams));
    pc.addEventListener("datachannel", ({ channel }) => {
      if (channel.label === "chat" && this.#chats.length < 2) this.#hear(channel);
    });
    // Who waits to be called, or for an invitation to be accepted, waits for as long as that takes.
    if (this.#room.opening === "offer") this.#expectPath();
    else negotiation.on("description", ({ side }) => side === "remote" && this.#expectPath());
    emit(this, "connection", pc);
    this.#hear(pc.createDataChannel("chat"));
    for (const [track, streams] of this.#room.published) this.publish(track, streams);
  }

  #expectPath() {
    this.#connectTimer ??= setTimeout(() => {
      this.#late = true;
      this.#update();
    }, CONNECT_MS);
  }

  #disconnect() {
    clearTimeout(this.#connectTimer);
    this.#connectTimer = undefined;
    this.#negotiation?.stop();
    this.#negotiation = null;
    const pc = this.connection;
    this.connection = null;
    pc?.close();
    this.#chats = [];
    this.#senders.clear();
    this.#heldTracks.clear();
    this.#heldLines = [];
    for (const track of [...this.tracks.keys()]) this.#removeTrack(track);
    // The next one may be somebody else's; whom the user distrusts stays so.
    this.#described = "";
    this.trust = this.phrase = null;
    this.#held = this.#distrusted;
  }

  /** @param {MediaStreamTrack} track @param {readonly MediaStream[]} streams */
  #addTrack(track, streams) {
    for (const stream of streams) {
      stream.addEventListener("removetrack", ({ track: removed }) => this.#removeTrack(removed));
    }
    track.addEventListener("ended", () => this.#removeTrack(track));
    if (this.#held) this.#heldTracks.set(track, streams);
    else this.#show(track, streams);
  }

  /** @param {MediaStreamTrack} track @param {readonly MediaStream[]} streams */
  #show(track, streams) {
    this.tracks.set(track, streams);
    emit(this, "track", { track, streams });
  }

  /** @param {MediaStreamTrack} track */
  #removeTrack(track) {
    this.#heldTracks.delete(track);
    if (this.tracks.delete(track)) emit(this, "trackremoved", { track });
  }

  /** @param {RTCDataChannel} channel */
  #hear(channel) {
    this.#chats.push(channel);
    channel.addEventListener("open", () => {
      for (const text of this.#unsent.splice(0)) this.say(text);
    });
    channel.addEventListener("message", ({ data }) => {
      const text = textOf(data);
      if (text === null) return;
      if (!this.#held) this.#room.hear(this, text);
      else if (this.#heldLines.length < KEPT_LINES) this.#heldLines.push(text);
    });
    // Both ends may open one: what has closed leaves its place to another.
    channel.addEventListener("close", () => (this.#chats = this.#chats.filter((c) => c !== channel)));
  }

  #update() {
    if (this.state === "gone") return;
    const here = this.connection?.connectionState;
    clearTimeout(this.#awayTimer);
    if (here === "connected") {
      clearTimeout(this.#connectTimer);
      this.#wasConnected = true;
    } else if (!this.#seated) {
      // Media goes on without signalling, for as long as its path does.
      this.#awayTimer = setTimeout(() => this.#room.forget(this), AWAY_MS);
    }
    const state = this.#stateOf(here);
    if (state === this.state) return;
    this.state = state;
    emit(this, "state", state);
  }

  /** @param {RTCPeerConnectionState | undefined} here @returns {ParticipantState} */
  #stateOf(here) {
    if (here === undefined) return "away";
    if (this.#negotiation?.ringing && here !== "failed") return "ringing";
    if (here === "connected") return "connected";
    if (this.#wasConnected) return "interrupted";
    return this.#late || here === "failed" ? "unreachable" : "calling";
  }
}

/** Returns the text of a line of chat; null where it is none. @param {unknown} data */
function textOf(data) {
  if (typeof data !== "string" || data.length > 8 * LONGEST_LINE) return null;
  try {
    const { text } = JSON.parse(data);
    return typeof text === "string" ? text.slice(0, LONGEST_LINE) : null;
  } catch {
    return null;
  }
}

/**
 * @typedef {object} RoomSide What a participant needs of its room.
 * @property {Opening} opening
 * @property {() => RTCConfiguration} configuration
 * @property {ReadonlyMap<MediaStreamTrack, readonly MediaStream[]>} published
 * @property {boolean} phrases whether a phrase is made with it
 * @property {() => Promise<import("./handfast-trust.js").PeerJudge> | null} judge of a connection with it, where peers are known
 * @property {(message: Message) => void} send
 * @property {(participant: Participant, text: string) => void} hear
 * @property {(participant: Participant) => void} forget
 * @property {(participant: Participant) => void} end forgets it, so that its next offer is another call
 */

/**
 * @typedef {object} JoinOptions
 * @property {string} room 1 to 128 characters
 * @property {string} [name] what others see, of at most 64 characters
 * @property {string | URL} [url] of the server's WebSocket; `ws` beside this module by default
 * @property {string | (() => string | Promise<string>)} [token] where the server asks for one; called
 *     again for each return
 * @property {Opening} [opening] `early-answer`: calls ring until `participant.accept()`, and this end
 *     calls nobody before; `delayed-offer`: asks the others to make the first offer
 * @property {RTCConfiguration} [configuration] for each connection; the room's ICE servers are added
 * @property {boolean} [phrases] make a phrase with each participant that does so too (docs/TRUST.md)
 * @property {import("./handfast-trust.js").KnownPeers} [knownPeers] peers that this page knows, and its own
 *     certificate: one that shows another is held until the user decides
 * @property {Pick<Storage, "getItem" | "setItem">} [storage] keeps what shows others that this is the
 *     same participant after a reload: `sessionStorage`, which is a tab's own
 */

/**
 * A room that this page is in; `join` makes it.
 *
 * Events: `participant` (somebody new), `left` (gone for good), `chat`, `status` (whether the server
 * is reached; calls go on without it), and once `end` (refused for good).
 * @extends {Emitter<{ participant: Participant, left: Participant, chat: { participant: Participant, text: string }, status: "joined" | "returning", end: RoomError }>}
 */
export class Room extends Emitter {
  #options;
  #url;
  /** @type {Link | null} */
  #link = null;
  /** Those who have a place, by member. @type {Map<string, { peer: Peer, polite: boolean, participant: Participant | null }>} */
  #seats = new Map();
  /** @type {Set<Participant>} */
  #participants = new Set();
  /** @type {Map<MediaStreamTrack, readonly MediaStream[]>} */
  #published = new Map();
  /** @type {number | undefined} */
  #rejoinTimer;
  #delay = REJOIN_MS;
  #over = false;
  #secret;
  /** @type {RTCIceServer[]} */
  #iceServers = [];

  /** Use `join`. @param {JoinOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#side.phrases = options.phrases === true;
    this.name = options.name ?? "";
    this.#side.opening = options.opening ?? "offer";
    this.#secret = secretOf(options);
    this.#url = new URL(options.url ?? new URL("ws", import.meta.url), globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace(/^http/, "ws");
  }

  /** The name by which others address us; another one after each join. */
  member = "";

  /** Whether the server is reached. @type {"joining" | "joined" | "returning" | "ended"} */
  status = "joining";

  /** The others. @returns {Participant[]} */
  get participants() {
    return [...this.#participants];
  }

  /** Tracks that are sent to everybody, with their streams. @returns {ReadonlyMap<MediaStreamTrack, readonly MediaStream[]>} */
  get published() {
    return this.#published;
  }

  /** Sends a track to everybody, also to those who come later. @param {MediaStreamTrack} track @param {...MediaStream} streams */
  publish(track, ...streams) {
    if (this.#over || this.#published.has(track)) return;
    this.#published.set(track, streams);
    for (const participant of this.#participants) participant.publish(track, streams);
  }

  /** Stops sending a track; it goes on here. @param {MediaStreamTrack} track */
  unpublish(track) {
    if (!this.#published.delete(track)) return;
    for (const participant of this.#participants) participant.unpublish(track);
  }

  /** Sends one track in the place of another of its kind, without negotiation. @param {MediaStreamTrack} old @param {MediaStreamTrack} track */
  async replaceTrack(old, track) {
    const streams = this.#published.get(old);
    if (streams === undefined) throw new RoomError("not-published", "this track was not published");
    this.#published.delete(old);
    this.#published.set(track, streams);
    await Promise.all(this.participants.map((participant) => participant.replace(old, track)));
  }

  /** Sends a line of chat to everybody; returns to how many, now or once they are connected. @param {string} text */
  say(text) {
    const line = text.slice(0, LONGEST_LINE);
    return this.participants.filter((participant) => participant.say(line)).length;
  }

  /**
   * Returns what shows the room's server, over HTTP, that this page is in the room; nobody else may see it.
   * @returns {Promise<{ session: string | null, token?: string }>}
   */
  async membership() {
    const { token } = this.#options;
    return { session: this.#link?.session ?? null, token: typeof token === "function" ? await token() : token };
  }

  /** Leaves the room and ends all calls, without an `end` event; safe to call twice. */
  leave() {
    if (this.#over) return;
    // Whoever reads this needs not wait for our return.
    if (this.#seats.size > 0) this.#link?.send({ type: "bye", reason: "left" });
    this.#finish();
  }

  /** For `join`: connects, and resolves once joined. */
  enter() {
    return new Promise((resolve, reject) => this.#join(() => resolve(this), reject));
  }

  /** @param {() => void} onJoined @param {(error: RoomError) => void} onRefused */
  #join(onJoined, onRefused) {
    const { room, token } = this.#options;
    const link = new Link(this.#url, { room, name: this.name, identitySecret: this.#secret }, token);
    this.#link = link;
    link.on("message", (message) => {
      this.#iceServers = link.iceServers;
      if (message.type !== "joined") return this.#receive(message);
      this.#joined(message);
      onJoined();
    });
    link.on("broken", () => this.#say("returning"));
    link.on("returned", () => this.#say("joined"));
    link.on("end", ({ code, reason }) => {
      const error = new RoomError(code, reason);
      if (this.status === "joining") {
        this.#finish();
        onRefused(error);
      } else if (FINAL.has(code)) {
        this.#finish();
        emit(this, "end", error);
      } else {
        this.#joinAgain();
      }
    });
  }

  #joinAgain() {
    this.#say("returning");
    this.#seats.clear();
    const delay = this.#delay * (0.5 + Math.random() / 2);
    this.#delay = Math.min(2 * this.#delay, LAST_REJOIN_MS);
    const nothing = () => {};
    this.#rejoinTimer = setTimeout(() => this.#join(nothing, nothing), delay);
  }

  /** @param {Message} message */
  #joined({ member, peers }) {
    this.member = member;
    this.#delay = REJOIN_MS;
    this.#say("joined");
    for (const peer of peers) this.#seat(peer, true);
    const seated = new Set([...this.#seats.values()].map(({ participant }) => participant));
    // After a restart of the server the others come back, each at its own time.
    for (const participant of this.participants) {
      if (!seated.has(participant)) this.#unseat(participant, false);
    }
  }

  /** @param {Message} message */
  #receive(message) {
    switch (message.type) {
      case "peer-joined":
        return this.#seat(/** @type {any} */ (message), false);
      case "peer-left": {
        const participant = this.#seats.get(message.member)?.participant;
        this.#seats.delete(message.member);
        // Who left has closed its connection; where only a place was lost, media flows on.
        if (participant) this.#unseat(participant, !message.mayReturn);
        return;
      }
      case "bye": {
        const seat = this.#seats.get(message.from);
        if (seat?.participant) this.#end(seat.participant);
        return;
      }
      default: {
        const seat = this.#seats.get(message.from);
        // Somebody who has ended a call may begin another.
        const calls = message.type === "offer" || message.type === "invite";
        if (seat && !seat.participant && calls) seat.participant = this.#meet(seat.peer, seat.polite);
        seat?.participant?.receive(message);
      }
    }
  }

  /** @param {Peer} peer @param {boolean} polite whether this end is, as who joined later */
  #seat(peer, polite) {
    if (this.#seats.size >= MOST_PARTICIPANTS) return;
    // Who is away keeps nobody else out.
    if (this.#participants.size >= MOST_PARTICIPANTS) this.#forgetAway();
    this.#seats.set(peer.member, { peer, polite, participant: this.#meet(peer, polite) });
  }

  #forgetAway() {
    for (const participant of this.participants) {
      if (participant.state === "away") this.#forget(participant);
    }
  }

  /** @param {Peer} peer @param {boolean} polite */
  #meet(peer, polite) {
    const known = this.participants.find(({ identity }) => identity && identity === peer.identity);
    const participant = known ?? new Participant(peer, this.#side);
    if (!known) {
      this.#participants.add(participant);
      emit(this, "participant", participant);
    }
    participant.seat(peer, polite);
    return participant;
  }

  /** @param {Participant} participant @param {boolean} closed */
  #unseat(participant, closed) {
    // Who has no identity comes back as somebody else.
    if (participant.identity) participant.unseat(closed);
    else this.#forget(participant);
  }

  /** @type {RoomSide} */
  #side = {
    opening: "offer",
    configuration: () => ({
      ...(this.#options.knownPeers && { certificates: this.#options.knownPeers.certificates }),
      ...this.#options.configuration,
      iceServers: [...(this.#options.configuration?.iceServers ?? []), ...this.#iceServers],
    }),
    published: this.#published,
    phrases: false,
    judge: () => {
      const { knownPeers } = this.#options;
      return knownPeers ? import("./handfast-trust.js").then(({ PeerJudge }) => new PeerJudge(knownPeers)) : null;
    },
    send: (message) => this.#link?.send(message),
    hear: (participant, text) => emit(this, "chat", { participant, text }),
    forget: (participant) => this.#forget(participant),
    end: (participant) => this.#end(participant),
  };

  /** @param {Participant} participant */
  #end(participant) {
    for (const seat of this.#seats.values()) {
      if (seat.participant === participant) seat.participant = null;
    }
    this.#forget(participant);
  }

  /** @param {Participant} participant */
  #forget(participant) {
    participant.end();
    if (this.#participants.delete(participant)) emit(this, "left", participant);
  }

  /** @param {"joined" | "returning"} status */
  #say(status) {
    if (this.#over || status === this.status) return;
    this.status = status;
    emit(this, "status", status);
  }

  #finish() {
    if (this.#over) return;
    this.#over = true;
    this.status = "ended";
    clearTimeout(this.#rejoinTimer);
    this.#link?.leave();
    for (const participant of this.participants) this.#forget(participant);
    this.#published.clear();
    this.#seats.clear();
  }
}

/** Returns what shows the others that this is the same participant again. @param {JoinOptions} options */
function secretOf({ room, storage }) {
  const key = `handfast ${room}`;
  const kept = storage?.getItem(key);
  if (kept) return kept;
  // Pages without https have no `crypto.randomUUID`.
  const made = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  storage?.setItem(key, made);
  return made;
}

/**
 * Joins a room; rejects with a RoomError where the server refuses, or is not there.
 * @param {JoinOptions} options
 * @returns {Promise<Room>}
 */
export async function join(options) {
  return new Room(options).enter();
}
