// Phrases that two people compare, so that nobody sits between them (docs/TRUST.md, RFC 5763 section
// 8.5): the same as peer/trust/phrase.py and phrase_exchange.py make them.
// @ts-check

// Attribute of our descriptions: in an offer it asks for a phrase, in an answer it has the commitment.
const ATTRIBUTE = "handfast-phrase";
const VERSION = "1";
const NUMBER_SIZE = 32;
// Bits of a phrase: six words of 11 bits each; digits for as many.
const PHRASE_BITS = 66n;
const WORD_BITS = 11n;
const EMOJI_BITS = 6n;
const DIGITS = 20;
const FINGERPRINT = /^a=fingerprint:(\S+) (\S+)$/;
// Largest message, in characters: an id of 16 and a number of 44.
const MOST_CHARACTERS = 64;

// 64 emoji that are told apart at sight, with their names for a screen reader: as peer/trust/emoji.py.
const EMOJI = [
  ["🐶", "dog"], ["🐱", "cat"], ["🦁", "lion"], ["🐴", "horse"],
  ["🐷", "pig"], ["🐘", "elephant"], ["🐰", "rabbit"], ["🐼", "panda"],
  ["🐓", "rooster"], ["🐧", "penguin"], ["🐢", "turtle"], ["🐟", "fish"],
  ["🐙", "octopus"], ["🦋", "butterfly"], ["🐝", "bee"], ["🕷", "spider"],
  ["🌷", "tulip"], ["🌳", "tree"], ["🌵", "cactus"], ["🍄", "mushroom"],
  ["🌍", "globe"], ["🌙", "moon"], ["☁️", "cloud"], ["🔥", "fire"],
  ["⚡", "lightning"], ["🌈", "rainbow"], ["❄️", "snowflake"], ["☂️", "umbrella"],
  ["🍌", "banana"], ["🍎", "apple"], ["🍓", "strawberry"], ["🌽", "corn"],
  ["🍕", "pizza"], ["🎂", "cake"], ["🧀", "cheese"], ["🥚", "egg"],
  ["❤️", "heart"], ["👓", "glasses"], ["🎩", "hat"], ["👑", "crown"],
  ["🔑", "key"], ["🔨", "hammer"], ["✂️", "scissors"], ["💡", "light bulb"],
  ["📕", "book"], ["✏️", "pencil"], ["📎", "paperclip"], ["🎁", "gift"],
  ["⏰", "clock"], ["⏳", "hourglass"], ["☎️", "telephone"], ["🏆", "trophy"],
  ["⚽", "football"], ["🎸", "guitar"], ["🎺", "trumpet"], ["🔔", "bell"],
  ["⚓", "anchor"], ["🚀", "rocket"], ["✈️", "aeroplane"], ["🚲", "bicycle"],
  ["🚂", "train"], ["⛵", "sailboat"], ["🏠", "house"], ["🚗", "car"],
];

/** The peer takes no part in a phrase, or is not honest about it. */
export class PhraseError extends Error {}

/** 66 bits for two people to compare. */
export class Phrase {
  /**
   * @param {bigint} value
   * @param {readonly string[]} theirs the peer's fingerprints that it is made of
   */
  constructor(value, theirs = []) {
    this.value = value;
    this.theirs = theirs;
  }

  /** Twenty decimal digits, in groups of five. */
  get digits() {
    return this.value
      .toString()
      .padStart(DIGITS, "0")
      .replace(/(.{5})(?=.)/g, "$1 ");
  }

  /** Eleven emoji, each with its name. */
  get emoji() {
    return split(this.value, EMOJI_BITS).map((index) => ({ symbol: EMOJI[index][0], name: EMOJI[index][1] }));
  }

  /** Six words of a list of 2,048. @param {string[]} list */
  words(list) {
    return split(this.value, WORD_BITS).map((index) => list[index]);
  }
}

/** The exchange that makes the phrase of the certificates in use, and a new one when they change. */
export class PhraseExchange {
  #send;
  #onPhrase;
  /** @type {Exchange | null} */
  #answering = null;
  /** @type {Exchange | null} */
  #current = null;
  // One that we offered, whose answerer offered with the same certificates before its end.
  /** @type {Exchange | null} */
  #crossed = null;
  #early = "";

  /**
   * @param {(message: string) => void} send carries a message to the peer
   * @param {(found: Phrase | PhraseError) => void} onPhrase called with each phrase, or why there is none
   */
  constructor(send, onPhrase) {
    this.#send = send;
    this.#onPhrase = onPhrase;
  }

  /**
   * Adds our attribute to a description that is about to be sent.
   * @param {string} sdp
   * @param {string} [offer] the peer's offer as it came, where this is an answer
   */
  async sign(sdp, offer) {
    if (offer === undefined) return withAttribute(sdp, VERSION);
    if (attribute(offer) === null) return sdp;
    const ends = { offerer: fingerprints(offer), answerer: fingerprints(sdp) };
    if (!same(this.#answering?.ends, ends) || this.#answering?.heard) {
      // A number serves once: who has seen it could choose its own by it.
      this.#answering = { ends, weOffered: false, ours: randomNumber(), id: await idOf(ends) };
    }
    const { ours } = /** @type {Exchange} */ (this.#answering);
    return withAttribute(sdp, `${VERSION} ${await commitment(ends, ours)}`);
  }

  /**
   * Goes on with the certificates of an offer and its answer, which are in force now.
   * @param {{ offer: string, answer: string, weOffered: boolean }} described the peer's as it came
   */
  async begin({ offer, answer, weOffered }) {
    const ends = { offerer: fingerprints(offer), answerer: fingerprints(answer) };
    const former = this.#current;
    if (former?.heard && !former.failed && samePair(former.ends, ends)) return;
    this.#crossed = null;
    const [version, committed] = (attribute(weOffered ? answer : offer) ?? "").split(" ");
    if (version !== VERSION || (weOffered && !committed)) {
      this.#current = null;
      this.#onPhrase(new PhraseError("the peer takes no part in a phrase"));
    } else if (weOffered) {
      // A second number against one commitment: the ends would differ on which was first.
      if (former && isUnderWay(former) && same(former.ends, ends) && former.committed === committed) return;
      this.#current = { ends, weOffered, ours: randomNumber(), committed, id: await idOf(ends) };
      this.#send(message(this.#current));
    } else if (same(this.#answering?.ends, ends)) {
      if (former && isUnderWay(former) && samePair(former.ends, ends)) this.#crossed = former;
      this.#current = this.#answering;
      const early = this.#early;
      this.#early = "";
      if (early) await this.receive(early);
    }
  }

  /** Takes a message of the peer. @param {string} text */
  async receive(text) {
    const { id, number } = parse(text);
    if (this.#crossed?.id === id) {
      // The peer said this before it had the answer that we gave meanwhile: it ends there too.
      this.#current = this.#crossed;
      this.#crossed = null;
    }
    const exchange = this.#current;
    if (exchange === null || exchange.id !== id) {
      // Of an answer that is still to be applied here, or of certificates that have gone.
      this.#early = text;
      return;
    }
    if (exchange.heard) return;
    exchange.heard = true;
    if (exchange.weOffered && (await commitment(exchange.ends, number)) !== exchange.committed) {
      exchange.failed = true;
      this.#onPhrase(new PhraseError("somebody in the middle looks for a phrase that agrees"));
      return;
    }
    const [offerer, answerer] = exchange.weOffered ? [exchange.ours, number] : [number, exchange.ours];
    const theirs = exchange.weOffered ? exchange.ends.answerer : exchange.ends.offerer;
    const phrase = new Phrase(await phraseOf(exchange.ends, offerer, answerer), listOf(theirs));
    if (!exchange.weOffered) this.#send(message(exchange));
    this.#onPhrase(phrase);
  }
}

/** @typedef {{ offerer: string, answerer: string }} Ends the fingerprints of both, each set as one text */
/**
 * @typedef {object} Exchange
 * @property {Ends} ends
 * @property {boolean} weOffered
 * @property {Uint8Array} ours
 * @property {string} id
 * @property {string} [committed]
 * @property {boolean} [failed]
 * @property {boolean} [heard] the number of the peer came, good or not: a second one changes nothing
 */

/** Collects the fingerprints of a description, sorted, as one text. @param {string} sdp */
function fingerprints(sdp) {
  return fingerprintsOf(sdp).join(" ");
}

/** @param {string} text of `fingerprints` */
function listOf(text) {
  return text.match(/\S+ \S+/g) ?? [];
}

/**
 * Collects the fingerprints of a description, sorted, each as `sha-256 AB:CD:...`. What a browser might
 * read otherwise than this does is among them as it stands, so that it can hide none.
 * @param {string} sdp
 */
export function fingerprintsOf(sdp) {
  /** @type {string[][]} */
  const sections = [[]];
  for (const line of sdp.split(/\r?\n/)) {
    if (line.startsWith("m=")) sections.push([]);
    sections[sections.length - 1].push(line);
  }
  const [session, ...media] = sections;
  const inherited = listed(session);
  const found = media
    .filter(([first, ...lines]) => !/^m=\S+ 0 /.test(first) || lines.includes("a=bundle-only"))
    .flatMap((section) => (listed(section).length > 0 ? listed(section) : inherited));
  const unclear = sections.flat().filter((line) => /[\r\0\u2028\u2029]/.test(line) || (/fingerprint\s*:/i.test(line) && !FINGERPRINT.test(line)));
  return [...new Set([...found, ...unclear])].sort();
}

/** @param {string[]} section */
function listed(section) {
  return section.flatMap((line) => {
    const [, algorithm, value] = FINGERPRINT.exec(line) ?? [];
    return value ? [`${algorithm.toLowerCase()} ${value.toUpperCase()}`] : [];
  });
}

/** Writes the SHA-256 fingerprint of a certificate. @param {Uint8Array} der */
export async function fingerprintOf(der) {
  const octets = [...(await sha256(der))].map((octet) => octet.toString(16).padStart(2, "0"));
  return `sha-256 ${octets.join(":").toUpperCase()}`;
}

/** Finds the value of our attribute in the session part. @param {string} sdp */
function attribute(sdp) {
  return sessionAttributes(sdp, ATTRIBUTE)[0] ?? null;
}

/** Finds the values of an attribute in the session part. @param {string} sdp @param {string} name */
export function sessionAttributes(sdp, name) {
  const lines = sdp.split(/\r?\n/);
  const end = lines.findIndex((line) => line.startsWith("m="));
  const start = `a=${name}:`;
  return lines.slice(0, end < 0 ? undefined : end).flatMap((line) => (line.startsWith(start) ? [line.slice(start.length)] : []));
}

/** @param {string} sdp @param {string} value */
function withAttribute(sdp, value) {
  const end = sdp.search(/^m=/m);
  const line = `a=${ATTRIBUTE}:${value}\r\n`;
  return end < 0 ? sdp + line : sdp.slice(0, end) + line + sdp.slice(end);
}

/** Whether our number was said and the peer's is still to come. @param {Exchange} exchange */
function isUnderWay({ weOffered, heard }) {
  return weOffered && !heard;
}

/** @param {Ends | undefined} one @param {Ends} other */
function same(one, other) {
  return one !== undefined && one.offerer === other.offerer && one.answerer === other.answerer;
}

/** @param {Ends} one @param {Ends} other */
function samePair(one, other) {
  return same(one, other) || same({ offerer: one.answerer, answerer: one.offerer }, other);
}

function randomNumber() {
  return crypto.getRandomValues(new Uint8Array(NUMBER_SIZE));
}

/** @param {Exchange} exchange */
function message({ id, ours }) {
  return `${id} ${base64(ours)}`;
}

/** @param {string} text */
function parse(text) {
  const [id, number = ""] = text.length <= MOST_CHARACTERS ? text.split(" ") : [""];
  const octets = base64Octets(number);
  if (id && octets?.length === NUMBER_SIZE) return { id, number: octets };
  throw new PhraseError("a message for a phrase is an id and 32 bytes in base64");
}

/** @param {Ends} ends */
async function idOf(ends) {
  const digest = await sha256(utf8(`${ends.offerer}\0${ends.answerer}`));
  return base64(digest.slice(0, 12)).replaceAll("+", "-").replaceAll("/", "_");
}

/** @param {Ends} ends @param {Uint8Array} number */
async function commitment(ends, number) {
  return base64(await hashed(["handfast commitment 1", ends.offerer, ends.answerer, number]));
}

/** @param {Ends} ends @param {Uint8Array} offerer @param {Uint8Array} answerer */
async function phraseOf(ends, offerer, answerer) {
  const sides = [
    { certificate: ends.offerer, number: offerer },
    { certificate: ends.answerer, number: answerer },
  ];
  // Two tabs of one browser have one certificate.
  sides.sort((one, other) => compare(one.certificate, other.certificate) || compareOctets(one.number, other.number));
  const digest = await hashed([
    "handfast phrase 1",
    ...sides.flatMap(({ certificate, number }) => [certificate, number]),
  ]);
  const value = digest.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
  return value >> (BigInt(digest.length) * 8n - PHRASE_BITS);
}

/** @param {string | number} one @param {string | number} other */
function compare(one, other) {
  return Number(one > other) - Number(one < other);
}

/** Compares two numbers of one size. @param {Uint8Array} one @param {Uint8Array} other */
function compareOctets(one, other) {
  const at = one.findIndex((octet, index) => octet !== other[index]);
  return at < 0 ? 0 : compare(one[at], other[at]);
}

/** Hashes parts with their lengths, so that no two lists of parts give the same. @param {(string | Uint8Array)[]} parts */
async function hashed(parts) {
  const octets = parts.flatMap((part) => {
    const data = typeof part === "string" ? utf8(part) : part;
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, data.length);
    return [...length, ...data];
  });
  return sha256(Uint8Array.from(octets));
}

/** @param {Uint8Array} data */
async function sha256(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {BufferSource} */ (data)));
}

/** @param {string} text */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/** @param {Uint8Array} data */
function base64(data) {
  return btoa(String.fromCharCode(...data));
}

/** Reads base64; null where it is none. @param {string} text */
export function base64Octets(text) {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

/** Cuts 66 bits into numbers, the most significant first. @param {bigint} value @param {bigint} bits */
function split(value, bits) {
  const numbers = [];
  for (let shift = PHRASE_BITS - bits; shift >= 0n; shift -= bits) {
    numbers.push(Number((value >> shift) & ((1n << bits) - 1n)));
  }
  return numbers;
}
