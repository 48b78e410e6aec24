// libwebrtc side of benchmarks/setup.py: runs one set-up for each line read, and writes its time.
"use strict";

const { RTCPeerConnection } = require("@roamhq/wrtc");
const readline = require("node:readline");

// Returns the end of the trickle: what is found while the channel already opens is still delivered.
function trickle(source, target, ready) {
  const deliveries = [];
  source.onicecandidate = ({ candidate }) => {
    if (candidate) deliveries.push(ready.then(() => target.addIceCandidate(candidate)));
  };
  return () => {
    source.onicecandidate = null;
    return Promise.all(deliveries);
  };
}

async function setUp() {
  const offerer = new RTCPeerConnection({ iceServers: [] });
  const answerer = new RTCPeerConnection({ iceServers: [] });
  let answererReady;
  let offererReady;
  const ends = [
    trickle(offerer, answerer, new Promise((resolve) => (answererReady = resolve))),
    trickle(answerer, offerer, new Promise((resolve) => (offererReady = resolve))),
  ];
  const channel = offerer.createDataChannel("benchmark");
  const open = new Promise((resolve) => (channel.onopen = resolve));

  const start = process.hrtime.bigint();
  await offerer.setLocalDescription(await offerer.createOffer());
  await answerer.setRemoteDescription(offerer.localDescription);
  answererReady();
  await answerer.setLocalDescription(await answerer.createAnswer());
  await offerer.setRemoteDescription(answerer.localDescription);
  offererReady();
  await open;
  const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;

  await Promise.all(ends.map((end) => end()));
  offerer.close();
  answerer.close();
  return milliseconds;
}

async function main() {
  for await (const _ of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${await setUp()}\n`);
  }
  // libwebrtc's threads would keep the process alive.
  process.exit(0);
}

main();
