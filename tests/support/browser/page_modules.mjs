// Runs modules of pages for a test: takes a call as JSON a line, and answers with a line.

import { createInterface } from "node:readline";

// Node 18 has it under another name.
globalThis.crypto ??= (await import("node:crypto")).webcrypto;

const folder = process.argv[2];
const phrases = await import(`${folder}/handfast-phrase.js`);
const trust = await import(`${folder}/handfast-trust.js`);

const exchanges = new Map();
const judges = new Map();

/** What an exchange has sent and found since the last call. */
function news(exchange) {
  const { sent, found } = exchange;
  return { sent: sent.splice(0), found: found.splice(0) };
}

const CALLS = {
  shown({ value, list }) {
    const phrase = new phrases.Phrase(BigInt(value));
    const emoji = phrase.emoji.map(({ symbol, name }) => [symbol, name]);
    return { words: phrase.words(list), digits: phrase.digits, emoji };
  },
  fingerprints: ({ sdp }) => phrases.fingerprintsOf(sdp),
  exchange({ id }) {
    const made = { sent: [], found: [] };
    made.exchange = new phrases.PhraseExchange(
      (message) => made.sent.push(message),
      (found) => made.found.push(found instanceof Error ? { error: found.message } : { value: String(found.value), theirs: found.theirs }),
    );
    exchanges.set(id, made);
    return null;
  },
  sign: ({ id, sdp, offer }) => exchanges.get(id).exchange.sign(sdp, offer ?? undefined),
  async begin({ id, offer, answer, weOffered }) {
    await exchanges.get(id).exchange.begin({ offer, answer, weOffered });
    return news(exchanges.get(id));
  },
  async receive({ id, text }) {
    await exchanges.get(id).exchange.receive(text);
    return news(exchanges.get(id));
  },
  followed: async ({ known, shown, sdp }) => trust.followed([known], shown, await trust.vouchersOf(sdp)),
  async judge({ id }) {
    const known = judges.get(id)?.known ?? (await trust.KnownPeers.open());
    judges.set(id, { known, judge: new trust.PeerJudge(known) });
    return { kept: known.kept, certificates: known.certificates.length };
  },
  async look({ id, name, sdp }) {
    const judge = judges.get(id);
    return (judge.trust = await judge.judge.judge(name, sdp));
  },
  async remember({ id, name, confirmed }) {
    const judge = judges.get(id);
    return (judge.trust = await judge.judge.remember(name, judge.trust, confirmed));
  },
  async forget({ id, name }) {
    const judge = judges.get(id);
    return (judge.trust = await judge.judge.forget(name, judge.trust));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, ...named } = JSON.parse(line);
  let answer;
  try {
    answer = { result: await CALLS[call](named) };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
