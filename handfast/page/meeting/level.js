// The level of the microphone, from 0 to 1, as a meter shows it.

const INTERVAL_MS = 100;
// Level in dBFS at which the meter is empty: a quiet room.
const FLOOR = -60;

/** Shows the level of a stream's sound in a `meter` element, until the next call. */
export class Level {
  #meter;
  #timer = null;
  #context = null;

  constructor(meter) {
    this.#meter = meter;
  }

  /** Shows the level of a stream; with null, nothing. */
  show(stream) {
    clearInterval(this.#timer);
    this.#context?.close();
    this.#context = null;
    this.#meter.value = 0;
    if (!stream || stream.getAudioTracks().length === 0) return;
    this.#context = new AudioContext();
    const analyser = this.#context.createAnalyser();
    this.#context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      this.#meter.value = Math.max(0, 1 - (10 * Math.log10(power + 1e-12)) / FLOOR);
    }, INTERVAL_MS);
  }
}
