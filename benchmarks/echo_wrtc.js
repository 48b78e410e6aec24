// libwebrtc side of benchmarks/echo.py: a connection for each offer, which sends back what it gets.
"use strict";

const { RTCPeerConnection } = require("@roamhq/wrtc");
const readline = require("node:readline");

const kept = [];

async function answered(offer) {
  const connection = new RTCPeerConnection({ iceServers: [] });
  kept.push(connection);
  connection.ontrack = ({ track }) => connection.addTrack(track);
  await connection.setRemoteDescription({ type: "offer", sdp: offer });
  const gathered = new Promise((resolve) => {
    connection.onicecandidate = ({ candidate }) => candidate || resolve();
  });
  await connection.setLocalDescription(await connection.createAnswer());
  await gathered;
  return connection.localDescription.sdp;
}

function processor() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    const said =
      request.do === "source"
        ? { answer: await answered(request.offer) }
        : { frames: 0, processor: processor() };
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
  // libwebrtc's threads would keep the process alive.
  process.exit(0);
}

main();
