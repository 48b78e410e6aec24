// Measures the round trip time: sends numbered datagrams on a data channel, which the peer echoes.

const INTERVAL_MS = 250;
const KEPT = 64;

// Upper bound of a pause in milliseconds, as `resume` may never be called.
const LONGEST_PAUSE_MS = 5000;

export class Pinger {
  #channel;
  #pausedUntil = 0;
  #timer = null;
  #number = 0;
  #sent = new Map();
  #answers = [];

  constructor(channel) {
    this.#channel = channel;
    channel.addEventListener("open", () => {
      this.#timer = setInterval(() => this.#ping(), INTERVAL_MS);
      this.#ping();
    });
    channel.addEventListener("message", ({ data }) => this.#pong(data));
    channel.addEventListener("close", () => this.stop());
  }

  /** Number of datagrams that have come back since the start. */
  returned = 0;

  /** Returns the median round trip time since the last call in milliseconds; null without one. */
  take() {
    const sorted = this.#answers.splice(0).sort((a, b) => a - b);
    return sorted.length ? sorted[sorted.length >> 1] : null;
  }

  /** Sends nothing until `resume`, or for some seconds. */
  pause() {
    this.#pausedUntil = performance.now() + LONGEST_PAUSE_MS;
  }

  resume() {
    this.#pausedUntil = 0;
  }

  stop() {
    clearInterval(this.#timer);
    this.#sent.clear();
  }

  #ping() {
    if (this.#channel.readyState !== "open" || performance.now() < this.#pausedUntil) return;
    this.#number += 1;
    this.#sent.set(this.#number, performance.now());
    // A datagram that has not come back by now was lost.
    this.#sent.delete(this.#number - KEPT);
    this.#channel.send(String(this.#number));
  }

  #pong(data) {
    const number = Number(data);
    const sent = this.#sent.get(number);
    if (sent === undefined) return;
    this.#sent.delete(number);
    this.returned += 1;
    this.#answers.push(performance.now() - sent);
    if (this.#answers.length > KEPT) this.#answers.shift();
  }
}
