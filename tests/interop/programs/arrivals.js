// Counts the media that arrives at a peer, in a page or in Node.js.
"use strict";

globalThis.Arrivals = class Arrivals {
  // Milliseconds; the same clock in a page and in its workers.
  static now() {
    return performance.timeOrigin + performance.now();
  }

  #highest = null;
  #last = null;

  constructor() {
    this.reset();
  }

  // Count anew; what is lost or late from now on shows, what comes after a pause as well.
  reset() {
    this.count = 0;
    this.doubled = 0;
    this.longestGap = 0;
    this.seen = new Set();
    this.first = this.#highest === null ? null : this.#highest + 1;
    this.#last &&= Arrivals.now();
  }

  // A frame, or an RTP packet with its sequence number.
  note(time = Arrivals.now(), sequence = null) {
    this.count += 1;
    if (this.#last !== null) this.longestGap = Math.max(this.longestGap, time - this.#last);
    this.#last = time;
    if (sequence === null) return;
    this.#highest ??= sequence;
    this.first ??= sequence;
    // RFC 3550 appendix A.1: the nearest number that has these 16 bits.
    const number = this.#highest + (((sequence - this.#highest) << 16) >> 16);
    if (number < this.first) return;
    if (this.seen.has(number)) this.doubled += 1;
    this.seen.add(number);
    this.#highest = Math.max(this.#highest, number);
  }

  report() {
    const expected = this.first === null ? 0 : this.#highest - this.first + 1;
    const silence = this.#last === null ? 0 : Arrivals.now() - this.#last;
    return {
      count: this.count,
      lost: expected - this.seen.size,
      doubled: this.doubled,
      longestGap: Math.max(this.longestGap, silence),
    };
  }
};
