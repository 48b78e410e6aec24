// Defines the four charts: their values and units.

import { Chart } from "./chart.js";

const SENT = { label: "sent" };
const RECEIVED = { label: "received" };

/** Formats a number with one decimal below 10; whole numbers stay whole. */
function short(value) {
  return value < 9.95 ? String(Number(value.toFixed(1))) : Math.round(value).toString();
}

function bits(value) {
  return value >= 999_500 ? [short(value / 1e6), "Mbit/s"] : [Math.round(value / 1000).toString(), "kbit/s"];
}

function milliseconds(value) {
  return [short(value), "ms"];
}

function percent(value) {
  return [short(100 * value), "%"];
}

export class Charts {
  #bitrate = new Chart({ title: "Bitrate", series: [SENT, RECEIVED], format: bits, least: 100_000 });
  #frames = new Chart({
    title: "Frame rate",
    series: [SENT, RECEIVED],
    format: (value) => [Math.round(value).toString(), "fps"],
    least: 40,
  });
  #roundTrip = new Chart({
    title: "Round trip",
    series: [{ label: "data channel" }, { label: "RTCP" }],
    format: milliseconds,
    least: 5,
  });
  #loss = new Chart({ title: "Packet loss", series: [SENT, RECEIVED], format: percent, least: 0.05 });

  constructor(container) {
    container.replaceChildren(...this.#all.map(({ element }) => element));
  }

  get #all() {
    return [this.#bitrate, this.#frames, this.#roundTrip, this.#loss];
  }

  /** Adds a sample of a Sampler, and the round trip time of the data channel in milliseconds. */
  push(sample, roundTrip) {
    this.#bitrate.push([sample.sentBits, sample.receivedBits]);
    this.#frames.push([sample.sentFrames, sample.receivedFrames]);
    this.#roundTrip.push([roundTrip, sample.rtcpRoundTrip]);
    this.#loss.push([sample.sentLoss, sample.receivedLoss]);
  }

  clear() {
    for (const chart of this.#all) chart.clear();
  }
}
