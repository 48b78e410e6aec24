// libwebrtc in Node.js as a peer.
"use strict";

const { RTCPeerConnection, nonstandard } = require("@roamhq/wrtc");
const { version } = require("@roamhq/wrtc/package.json");
const { say, serve } = require("./lines.js");
require("./arrivals.js");
require("./w3c.js");

const [width, height, framesASecond] = [160, 120, 30];

// What JavaScript forgets, its garbage collector takes.
const kept = [];

function source(kind) {
  if (kind !== "video") throw new Error(`no ${kind} is sent here`);
  const video = new nonstandard.RTCVideoSource();
  const data = new Uint8ClampedArray((width * height * 3) / 2);
  let number = 0;
  setInterval(() => {
    data.fill(number % 256);
    number += 5;
    video.onFrame({ width, height, data });
  }, 1000 / framesASecond);
  return video.createTrack();
}

function watch(track, _, arrivals) {
  if (track.kind !== "video") return;
  const sink = new nonstandard.RTCVideoSink(track);
  sink.onframe = () => arrivals.note();
  kept.push(sink);
}

serve(version, w3cPeer({ RTCPeerConnection, source, watch }, say));
