// Tracks for the page of media.js that flash and beep together, once each second.
"use strict";

globalThis.flashes = (() => {
  const FRAMES_A_SECOND = 30;
  const PERIOD = 1000;
  const LASTING = 300;
  const [WIDTH, HEIGHT] = [160, 120];
  // A little of it moves, so that no picture is like the one before.
  const SPOT = 16;
  const canvases = [];
  const gates = [];
  const late = [];
  let began = Infinity;
  let shines = false;
  let number = 0;

  function draw(context) {
    context.fillStyle = shines ? "white" : "black";
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = "grey";
    context.fillRect((number * SPOT) % WIDTH, HEIGHT - SPOT, SPOT, SPOT);
  }

  // Light and sound are of one moment, whenever a busy machine gets round to it.
  function tick() {
    const passed = performance.now() - began;
    const should = passed >= 0 && passed % PERIOD < LASTING;
    if (should !== shines) {
      shines = should;
      for (const open of gates) open(shines);
    }
    number += 1;
    canvases.forEach(draw);
  }

  function picture() {
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    canvases.push(canvas.getContext("2d"));
    return canvas.captureStream().getVideoTracks()[0];
  }

  function oscillator(pitch) {
    const context = new AudioContext();
    const [source, gain] = [context.createOscillator(), context.createGain()];
    const destination = context.createMediaStreamDestination();
    source.frequency.value = pitch;
    gain.gain.value = 0;
    source.connect(gain).connect(destination);
    source.start();
    gates.push((open) => { gain.gain.value = open ? 0.4 : 0; });
    return destination.stream.getAudioTracks()[0];
  }

  // Without sound on the machine an AudioContext of Firefox stands still; an element plays.
  async function beep(pitch) {
    if (navigator.userAgent.includes("Chrome")) return media.add({ given: oscillator(pitch) });
    const transceiver = await media.add({ pitch });
    const { track } = transceiver.sender;
    track.enabled = false;
    gates.push((open) => { track.enabled = open; });
    return transceiver;
  }

  async function add({ codec, pitch, isLate }) {
    const { sender } = await (pitch ? beep(pitch) : media.add({ given: picture(), codec }));
    if (!isLate) return;
    const { track } = sender;
    await sender.replaceTrack(null);
    late.push(() => sender.replaceTrack(track));
  }

  function begin() {
    began = performance.now() + PERIOD / 2;
  }

  // What was to come late comes.
  async function join() {
    for (const each of late.splice(0)) await each();
  }

  async function answer(offer) {
    await media.connection.setRemoteDescription(offer);
    return media.described();
  }

  setInterval(tick, 1000 / FRAMES_A_SECOND);
  return { add, begin, join, answer };
})();
