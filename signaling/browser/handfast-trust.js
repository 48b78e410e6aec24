// Peers that a page knows by their certificates (docs/TRUST.md, RFC 5763 section 8.4), and its own
// certificate, by which they know it: as peer/trust/known_peers.py and continuity.py have it.
// @ts-check

import { base64Octets, fingerprintOf, fingerprintsOf, sessionAttributes, utf8 } from "./handfast-phrase.js";

const DATABASE = "handfast-trust";
const PEERS = "peers";
const OWN = "own";
const CERTIFICATE = "certificate";
// Milliseconds after which a database that does not open counts as refused.
const OPEN_MS = 5000;
// Milliseconds for which a certificate is made: browsers take at most a year.
const LIFE_MS = 365 * 24 * 3600 * 1000;
// Milliseconds before its end at which another one takes its place.
const RENEW_MS = 30 * 24 * 3600 * 1000;
// Most characters of a name, vouchers that are read of a description, octets of a certificate or a
// signature in one, and certificates that are remembered of one connection.
const LONGEST_NAME = 1024;
const MOST_VOUCHERS = 4;
const LARGEST_VOUCHER = 4096;
const MOST_TAKEN = 64;
const VOUCHER = "handfast-voucher";
// Object identifiers of P-256, and of RSA keys, in DER.
const P256 = "06082a8648ce3d030107";
const RSA = "06092a864886f70d010101";
const P256_SIZE = 32;

/** @typedef {"nothing" | "known" | "phrase"} TrustLevel as `TrustLevel` of peer/trust/level.py; a page has no more */
/** @typedef {{ fingerprints: string[], confirmed: boolean, since: number }} KnownPeer */
/** @typedef {"renewal" | "rekey"} VoucherPurpose */
/**
 * @typedef {object} PeerTrust Who the peer of a connection is, and by what.
 * @property {TrustLevel} level
 * @property {boolean} firstContact whether it was not known before this connection
 * @property {readonly string[]} shown its fingerprints, such as `sha-256 AB:CD:...`
 * @property {KnownPeer | null} changed what it is remembered by, where it shows something else now
 */

/**
 * The peers that are remembered by their names, and this page's own certificate, in IndexedDB; in
 * memory where the browser keeps nothing.
 */
export class KnownPeers {
  /** @type {IDBDatabase | null} */
  #database = null;
  /** @type {Map<string, KnownPeer>} */
  #peers = new Map();
  /** @type {RTCCertificate | null} */
  #certificate = null;

  /** Opens what is kept for this page; never rejects. */
  static async open() {
    const known = new KnownPeers();
    await known.#open();
    return known;
  }

  /** Whether it outlives this page: not in some private windows, nor where the browser refuses. */
  get kept() {
    return this.#database !== null;
  }

  /** Certificates for an RTCPeerConnection: the one that is kept, and none where it has ended. */
  get certificates() {
    const certificate = this.#certificate;
    return certificate && certificate.expires > Date.now() ? [certificate] : [];
  }

  /** Returns what is remembered of a peer, or null. @param {string} name */
  async lookup(name) {
    const key = keyOf(name);
    try {
      const found = await this.#ask(PEERS, "readonly", (store) => store.get(key));
      if (found !== undefined || this.kept) return knownPeer(found);
    } catch {
      // What it said last is as good as any.
    }
    return this.#peers.get(key) ?? null;
  }

  /** Remembers a peer. @param {string} name @param {KnownPeer} peer */
  async remember(name, peer) {
    this.#peers.set(keyOf(name), peer);
    await this.#ask(PEERS, "readwrite", (store) => store.put(peer, keyOf(name)));
  }

  /** Forgets a peer, so that the next contact is a first one. @param {string} name */
  async forget(name) {
    this.#peers.delete(keyOf(name));
    await this.#ask(PEERS, "readwrite", (store) => store.delete(keyOf(name)));
  }

  async #open() {
    let kept;
    try {
      this.#database = await openDatabase();
      const names = await this.#ask(PEERS, "readonly", (store) => store.getAllKeys());
      for (const name of names ?? []) {
        const peer = knownPeer(await this.#ask(PEERS, "readonly", (store) => store.get(name)));
        if (peer) this.#peers.set(String(name), peer);
      }
      kept = await this.#ask(OWN, "readonly", (store) => store.get(CERTIFICATE));
    } catch {
      this.#database = null;
    }
    this.#certificate = isFresh(kept) ? kept : await this.#renew();
  }

  async #renew() {
    const certificate = await generated();
    if (certificate === null) return null;
    try {
      // Another tab may have been faster; both are the same peer.
      const first = await this.#ask(OWN, "readwrite", (store) => store.get(CERTIFICATE), (store, found) => {
        if (!isFresh(found)) store.put(certificate, CERTIFICATE);
      });
      return isFresh(first) ? first : certificate;
    } catch {
      // It keeps no keys: others would not know this page again, whoever it remembers.
      this.#database = null;
      return certificate;
    }
  }

  /**
   * Asks the database, in one transaction; undefined where there is none.
   * @param {string} store
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest} question
   * @param {(store: IDBObjectStore, found: any) => void} [then] goes on with the answer
   * @returns {Promise<any>}
   */
  #ask(store, mode, question, then) {
    const database = this.#database;
    if (database === null) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(store, mode);
      const request = question(transaction.objectStore(store));
      request.onsuccess = () => {
        try {
          then?.(transaction.objectStore(store), request.result);
        } catch (error) {
          reject(error);
          transaction.abort();
        }
      };
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? request.error);
    });
  }
}

/** Judges the certificates that the descriptions of one connection name, before they are applied. */
export class PeerJudge {
  #known;
  /** Fingerprints that were taken on this connection, and the trust in them. @type {Map<string, { level: TrustLevel, firstContact: boolean }>} */
  #taken = new Map();

  /** @param {KnownPeers} known */
  constructor(known) {
    this.#known = known;
  }

  /**
   * Tells who the peer is by a description of it.
   * @param {string} name
   * @param {string} sdp
   * @returns {Promise<PeerTrust>}
   */
  async judge(name, sdp) {
    const shown = fingerprintsOf(sdp);
    const known = name ? await this.#known.lookup(name) : null;
    if (known && isAmong(shown, known.fingerprints)) return this.#taking(shown, levelOf(known));
    // Which of several certificates the peer has shown is not known here, so that none can follow.
    const [only] = shown.length === 1 ? shown : [];
    const vouchers = only === undefined ? [] : await vouchersOf(sdp);
    if (known && only !== undefined && (await followed(known.fingerprints, only, vouchers)) === "renewal") {
      // Where it cannot be kept, the voucher says the same next time.
      await this.#known.remember(name, { ...known, fingerprints: [only] }).catch(() => {});
      return this.#taking(shown, levelOf(known));
    }
    const before = only === undefined ? undefined : await this.#before(only, vouchers);
    if (before !== undefined) return this.#taking(shown, before.level, before.firstContact);
    if (known) return { level: "nothing", firstContact: false, shown, changed: known };
    return this.#taking(shown, "nothing", true);
  }

  /**
   * Remembers a peer by the certificate that it shows.
   * @param {string} name
   * @param {PeerTrust} trust
   * @param {boolean} confirmed whether two people have compared its phrase
   * @returns {Promise<PeerTrust>}
   */
  async remember(name, { shown }, confirmed) {
    /** @type {TrustLevel} */
    const level = confirmed ? "phrase" : "known";
    if (name) await this.#known.remember(name, { fingerprints: [...shown], confirmed, since: Date.now() });
    return this.#taking(shown, level);
  }

  /** Forgets a peer. @param {string} name @param {PeerTrust} trust @returns {Promise<PeerTrust>} */
  async forget(name, { shown }) {
    if (name) await this.#known.forget(name);
    this.#taken.clear();
    return this.#taking(shown, "nothing", true);
  }

  /**
   * @param {readonly string[]} shown @param {TrustLevel} level
   * @returns {PeerTrust}
   */
  #taking(shown, level, firstContact = false) {
    if (shown.length === 1) {
      this.#taken.set(shown[0], { level, firstContact });
      if (this.#taken.size > MOST_TAKEN) this.#taken.delete(/** @type {string} */ (this.#taken.keys().next().value));
    }
    return { level, firstContact, shown, changed: null };
  }

  /** Finds the trust in the certificate that this one is, or follows. @param {string} shown @param {Voucher[]} vouchers */
  async #before(shown, vouchers) {
    for (const [taken, trust] of this.#taken) {
      if ((await followed([taken], shown, vouchers)) !== null) return trust;
    }
    return undefined;
  }
}

/**
 * @typedef {object} Voucher A statement of one certificate that another follows it (peer/identity/voucher.py).
 * @property {VoucherPurpose} purpose
 * @property {string} by fingerprint of the certificate that vouches
 * @property {Uint8Array} former that certificate, in DER
 * @property {Uint8Array} signature
 */

/** Reads the vouchers of a description; what is none is passed over. @param {string} sdp */
export async function vouchersOf(sdp) {
  const found = [];
  for (const text of sessionAttributes(sdp, VOUCHER).slice(0, MOST_VOUCHERS)) {
    const [purpose, ...parts] = text.trim().split(/\s+/);
    if ((purpose !== "renewal" && purpose !== "rekey") || parts.length !== 2) continue;
    const [former, signature] = parts.map((part) => (part.length <= (4 * LARGEST_VOUCHER) / 3 ? base64Octets(part) : null));
    if (former && signature) found.push({ purpose, by: await fingerprintOf(former), former, signature });
  }
  return /** @type {Voucher[]} */ (found);
}

/**
 * Tells whether vouchers lead from a certificate that is known to the one that is shown, and as what.
 * @param {readonly string[]} known fingerprints
 * @param {string} shown fingerprint
 * @param {readonly Voucher[]} vouchers
 * @returns {Promise<VoucherPurpose | null>}
 */
export async function followed(known, shown, vouchers) {
  // One for a renewal leads further than one for a connection.
  const left = [...vouchers].sort((one, other) => Number(one.purpose === "rekey") - Number(other.purpose === "rekey"));
  let reached = shown;
  /** @type {VoucherPurpose} */
  let purpose = "renewal";
  while (!known.includes(reached)) {
    const step = await firstOf(left, async (each) => each.by !== reached && (await isFor(each, reached)));
    if (step === undefined) return null;
    left.splice(left.indexOf(step), 1);
    reached = step.by;
    if (step.purpose === "rekey") purpose = "rekey";
  }
  return purpose;
}

/** @template T @param {readonly T[]} all @param {(each: T) => Promise<boolean>} fits */
async function firstOf(all, fits) {
  for (const each of all) {
    if (await fits(each)) return each;
  }
  return undefined;
}

/** Tells whether the signature is good, and for the certificate of this fingerprint. @param {Voucher} voucher @param {string} following */
async function isFor({ purpose, by, former, signature }, following) {
  const statement = utf8(`handfast voucher 1\0${purpose}\0${by}\0${following}`);
  try {
    const spki = publicKeyOf(former);
    const algorithm = hex(spki.subarray(0, 48));
    if (algorithm.includes(P256)) {
      const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
      const key = await crypto.subtle.importKey("spki", bytes(spki), ecdsa, false, ["verify"]);
      return await crypto.subtle.verify(ecdsa, key, bytes(rawSignature(signature)), bytes(statement));
    }
    if (!algorithm.includes(RSA)) return false;
    const pss = { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 };
    const key = await crypto.subtle.importKey("spki", bytes(spki), pss, false, ["verify"]);
    return await crypto.subtle.verify(pss, key, bytes(signature), bytes(statement));
  } catch {
    return false;
  }
}

/** Returns the SubjectPublicKeyInfo of a certificate (RFC 5280 section 4.1). @param {Uint8Array} der */
function publicKeyOf(der) {
  const certificate = parts(element(der, 0));
  const fields = parts(certificate[0]);
  // A version stands in front of the serial number, except for the first.
  const first = fields[0].tag === 0xa0 ? 1 : 0;
  return fields[first + 5].whole;
}

/** Writes an ECDSA signature as WebCrypto wants it: both numbers, of one size. @param {Uint8Array} der */
function rawSignature(der) {
  const raw = new Uint8Array(2 * P256_SIZE);
  const both = element(der, 0);
  const numbers = parts(both);
  const good = both.tag === 0x30 && both.whole.length === der.length && numbers.length === 2;
  if (!good || numbers.some(({ tag }) => tag !== 0x02)) throw new RangeError("a signature is two numbers");
  numbers.forEach(({ content }, index) => {
    const number = content.subarray(content.findIndex((octet) => octet !== 0));
    raw.set(number, (index + 1) * P256_SIZE - number.length);
  });
  return raw;
}

/** @typedef {{ tag: number, content: Uint8Array, whole: Uint8Array }} Element an element of DER */

/** @param {Uint8Array} data @param {number} start @returns {Element} */
function element(data, start) {
  let size = data[start + 1];
  let begin = start + 2;
  if (size >= 0x80) {
    const octets = data.subarray(begin, begin + (size & 0x7f));
    size = octets.reduce((sum, octet) => 256 * sum + octet, 0);
    begin += octets.length;
  }
  if (!(begin + size <= data.length)) throw new RangeError("an element of DER ends too early");
  return { tag: data[start], content: data.subarray(begin, begin + size), whole: data.subarray(start, begin + size) };
}

/** @param {Element} of @returns {Element[]} */
function parts({ content }) {
  const found = [];
  for (let at = 0; at < content.length; ) {
    const next = element(content, at);
    found.push(next);
    at += next.whole.length;
  }
  return found;
}

/** @param {Uint8Array} data */
function hex(data) {
  return [...data].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** @param {Uint8Array} data @returns {BufferSource} */
function bytes(data) {
  return /** @type {BufferSource} */ (data);
}

/** Says which names are one: capitals and blanks make no other person. @param {string} name */
function keyOf(name) {
  return name.normalize("NFKC").trim().replace(/\s+/g, " ").toLowerCase().slice(0, LONGEST_NAME);
}

/** @param {readonly string[]} shown @param {readonly string[]} known */
function isAmong(shown, known) {
  return shown.length > 0 && shown.every((each) => known.includes(each));
}

/** @param {KnownPeer} peer @returns {TrustLevel} */
function levelOf({ confirmed }) {
  return confirmed ? "phrase" : "known";
}

/** Reads what the database has of a peer; null where it has nothing of use. @param {any} found @returns {KnownPeer | null} */
function knownPeer(found) {
  const { fingerprints, confirmed, since } = found ?? {};
  const good = Array.isArray(fingerprints) && fingerprints.every((each) => typeof each === "string");
  if (!good) return null;
  return { fingerprints, confirmed: confirmed === true, since: Number(since) || 0 };
}

/** @param {RTCCertificate | undefined} certificate */
function isFresh(certificate) {
  return certificate !== undefined && certificate.expires > Date.now() + RENEW_MS;
}

/** @returns {Promise<RTCCertificate | null>} null where the browser makes none */
async function generated() {
  const wanted = { name: "ECDSA", namedCurve: "P-256", expires: LIFE_MS };
  try {
    return await RTCPeerConnection.generateCertificate(wanted);
  } catch {
    return null;
  }
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    const refuse = () => reject(request.error ?? new Error("the database does not open"));
    const timer = setTimeout(refuse, OPEN_MS);
    request.onupgradeneeded = () => {
      for (const store of [PEERS, OWN]) request.result.createObjectStore(store);
    };
    request.onerror = () => {
      clearTimeout(timer);
      refuse();
    };
    request.onsuccess = () => {
      clearTimeout(timer);
      resolve(request.result);
    };
  });
}
