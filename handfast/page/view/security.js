// Shows the facts of the transport: DTLS role, cipher, SRTP profile, path and fingerprints. Facts
// that the browser does not report come from the Python peer's end of the same association.

import { byId, html } from "./dom.js";

const VERSIONS = new Map([
  ["FEFF", "DTLS 1.0"],
  ["FEFD", "DTLS 1.2"],
  ["FEFC", "DTLS 1.3"],
]);
const OTHER_ROLE = { client: "server", server: "client" };
const ROLES = {
  client: "client: this page sent the ClientHello",
  server: "server: Python sent the ClientHello",
};

export class Security {
  #list = byId("security");
  #facts = {};

  constructor() {
    this.#draw();
  }

  clear() {
    this.#facts = {};
    this.#draw();
  }

  /** Takes the facts that the browser reports: `transport` of a sample. */
  setOwn(transport) {
    this.#facts.own = transport;
    this.#draw();
  }

  /** Takes the facts that the peer reports of its own end. */
  setPeer(transport) {
    this.#facts.peer = transport;
    this.#draw();
  }

  /** Takes the fingerprint of `side` ("local" or "remote") from a description. */
  setDescription(side, sdp) {
    this.#facts[side] = /^a=fingerprint:(.+?)\r?$/m.exec(sdp)?.[1] ?? null;
    this.#draw();
  }

  #draw() {
    const { own = {}, local, remote } = this.#facts;
    // Only once the browser has reported, so that its gaps are known.
    const peer = (this.#facts.own && this.#facts.peer) ?? {};
    const role = own.dtlsRole ?? OTHER_ROLE[peer.dtlsRole];
    const version = own.tlsVersion ?? peer.tlsVersion;
    this.#list.replaceChildren(
      fact("DTLS role", ROLES[role], !own.dtlsRole && role, "dtls-role"),
      fact("Protocol", VERSIONS.get(version) ?? version, !own.tlsVersion && version, "dtls-version"),
      fact("Cipher", own.dtlsCipher ?? peer.dtlsCipher, !own.dtlsCipher && peer.dtlsCipher, "dtls-cipher"),
      fact("SRTP profile", own.srtpCipher ?? peer.srtpCipher, !own.srtpCipher && peer.srtpCipher, "srtp-profile"),
      fact("Path", path(own), false, "path"),
      fingerprint("Certificate here", local),
      fingerprint("Certificate there", remote),
    );
  }
}

function fact(name, value, fromPeer, id) {
  const said = value ? breakable(value) : [html("span", { class: "unknown" }, "–")];
  if (fromPeer) said.push(html("span", { class: "source" }, "as Python reports it"));
  return html("div", {}, html("dt", {}, name), html("dd", { "data-fact": id }, ...said));
}

/** Lets a long name break after underscores only. */
function breakable(text) {
  return text.split(/(?<=_)/).flatMap((part, i) => (i ? [html("wbr"), part] : [part]));
}

function path({ local, remote, iceRole }) {
  if (!local || !remote) return null;
  const role = iceRole ? `, ${iceRole}` : "";
  return `${local.address} (${local.type}) → ${remote.address} (${remote.type})${role}`;
}

function fingerprint(name, text) {
  if (!text) return fact(name, null);
  const [algorithm, value] = text.split(" ");
  const short = html("code", { title: value }, `${value.slice(0, 20)}…`);
  return html("div", {}, html("dt", {}, name), html("dd", {}, `${algorithm} `, short));
}
