// One RTCPeerConnection that is negotiated over a Room, and an event for every change of a state.

import { Negotiation } from "../handfast-client.js";
import { Pinger } from "./pinger.js";

// Milliseconds until the connection has failed: browsers without a candidate pair report nothing.
export const TIMEOUT_MS = 25000;
// Codes with which a room ends for good; without it, a call that is connected goes on.
const PARTINGS = new Set(["bye", "peer-left", "bad-description", "unexpected"]);
// Milliseconds in which a connection that has failed may come back, by ICE restarts of the peer.
const RECOVERY_MS = 120000;

// With transport-wide feedback Firefox starts with a quarter of the resolution for ten seconds and
// more; a lower frame rate keeps the text in the video readable.
function keepSize(sender) {
  if (sender.track.kind !== "video") return;
  const parameters = sender.getParameters();
  sender.setParameters({ ...parameters, degradationPreference: "maintain-resolution" });
}

/**
 * A call to the Python peer.
 *
 * Events: `state` (`{ name, value }`), `description` (`{ side, description }`), `media`,
 * `report` (media that the peer receives), `ladder` (rows of its ladder), `changeable` (whether `ask`
 * reaches the peer), `outcome` (result of `ask`), `recordable` (whether `record` reaches the peer),
 * `recording` (its progress), `alone` (the room's server is gone, and the call goes on) and once
 * `fail` (`{ code, detail }`).
 */
export class Call extends EventTarget {
  #room;
  #negotiation;
  #drawn = false;
  #closed = false;
  #connected = false;
  #timeout = null;
  #lost = null;
  #alone = false;
  #changes;
  #recording;

  constructor(room, stream) {
    super();
    this.#room = room;
    this.connection = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: room.iceServers });
    this.returned = new MediaStream();
    this.#watch();
    this.#negotiate();
    this.#timeout = setTimeout(() => this.#failToConnect(), TIMEOUT_MS);
    for (const track of stream.getTracks()) keepSize(this.connection.addTrack(track, stream));
    this.pinger = new Pinger(this.#channel("round-trip", { ordered: false, maxRetransmits: 0 }));
    for (const name of ["report", "ladder"]) {
      this.#channel(name).addEventListener("message", ({ data }) => {
        // From here on it comes by the channel, from its first row on.
        this.#drawn ||= name === "ladder";
        this.#emit(name, JSON.parse(data));
      });
    }
    this.#changes = this.#openChanges();
    this.#recording = this.#openRecording();
  }

  /** Asks the peer to change the running connection: "rekey" or "restart-ice". */
  ask(change) {
    // libwebrtc restarts SCTP after a rekey, and a channel on which it sends meanwhile may close.
    this.pinger.pause();
    this.#changes.send(JSON.stringify({ change }));
  }

  /** Asks the peer to record the media of this page: "start" or "stop". */
  record(action) {
    this.#recording.send(JSON.stringify({ action }));
  }

  /** Ends the call; safe to call twice. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timeout);
    clearTimeout(this.#lost);
    this.pinger.stop();
    this.#negotiation.stop();
    this.connection.close();
    for (const track of this.returned.getTracks()) track.stop();
    this.#room.leave();
    this.#state("connection", "closed");
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #state(name, value) {
    this.#emit("state", { name, value });
  }

  #fail(code, detail = "") {
    if (!this.#closed) this.#emit("fail", { code, detail });
  }

  #failToConnect() {
    const found = ["connected", "completed"].includes(this.connection.iceConnectionState);
    if (this.#connected && !found) {
      // Both ends restart ICE by themselves while the room's server is there.
      if (this.#alone) return this.#fail("lost");
      this.#lost ??= setTimeout(() => this.#fail("lost"), RECOVERY_MS);
      return;
    }
    this.#fail(this.#connected ? "lost" : found ? "dtls-failed" : "ice-failed");
  }

  #channel(label, options) {
    const channel = this.connection.createDataChannel(label, options);
    channel.binaryType = "arraybuffer";
    if (label === "round-trip") {
      for (const state of ["open", "closing", "close"]) {
        channel.addEventListener(state, () => this.#state("channel", channel.readyState));
      }
    }
    return channel;
  }

  #openChanges() {
    const channel = this.#channel("changes");
    for (const state of ["open", "closing", "close"]) {
      channel.addEventListener(state, () => this.#emit("changeable", channel.readyState === "open"));
    }
    channel.addEventListener("message", ({ data }) => {
      this.pinger.resume();
      this.#emit("outcome", JSON.parse(data));
    });
    return channel;
  }

  #openRecording() {
    const channel = this.#channel("recording");
    for (const state of ["open", "closing", "close"]) {
      channel.addEventListener(state, () => this.#emit("recordable", channel.readyState === "open"));
    }
    channel.addEventListener("message", ({ data }) => this.#emit("recording", JSON.parse(data)));
    return channel;
  }

  #watch() {
    const pc = this.connection;
    pc.addEventListener("signalingstatechange", () => {
      this.#state("signaling", pc.signalingState);
    });
    pc.addEventListener("icegatheringstatechange", () => {
      this.#state("gathering", pc.iceGatheringState);
    });
    pc.addEventListener("iceconnectionstatechange", () => {
      this.#state("ice", pc.iceConnectionState);
    });
    pc.addEventListener("connectionstatechange", () => {
      this.#state("connection", pc.connectionState);
      if (pc.connectionState === "failed") this.#failToConnect();
      if (pc.connectionState !== "connected") return;
      clearTimeout(this.#timeout);
      clearTimeout(this.#lost);
      this.#lost = null;
      this.#connected = true;
    });
    pc.addEventListener("track", ({ track }) => {
      this.returned.addTrack(track);
      this.#emit("media", { kind: track.kind });
    });
  }

  // The transport exists only once a description is set; Firefox has it on the receivers.
  #watchDtls() {
    const dtls = this.dtls;
    if (!dtls || dtls.onstatechange) return;
    this.#state("dtls", dtls.state);
    dtls.onstatechange = () => this.#state("dtls", dtls.state);
  }

  /** Whether the peer has answered the offer. */
  get answered() {
    return this.connection.remoteDescription !== null;
  }

  /** The RTCDtlsTransport of the one BUNDLE group, or null before there is one. */
  get dtls() {
    const pc = this.connection;
    return pc.sctp?.transport ?? pc.getSenders().find((s) => s.transport)?.transport ?? null;
  }

  #negotiate() {
    const room = this.#room;
    this.#negotiation = new Negotiation(this.connection, {
      polite: room.polite,
      send: (message) => room.send(message),
    });
    this.#negotiation.on("description", ({ side, description }) => {
      this.#emit("description", { side, description });
      this.#watchDtls();
    });
    this.#negotiation.on("error", ({ message }) => this.#fail("negotiation", message));
    room.addEventListener("message", ({ detail }) => {
      if (detail.type !== "note") this.#negotiation.receive(detail);
      else if (detail.label === "ladder" && !this.#drawn) this.#emit("ladder", JSON.parse(detail.text));
    });
    room.addEventListener("end", ({ detail }) => {
      if (PARTINGS.has(detail.code) || !this.#connected) return this.#fail(detail.code, detail.detail);
      // Media does not go by the room's server.
      this.#alone = true;
      this.#emit("alone");
    });
  }
}
