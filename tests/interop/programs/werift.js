// werift as a peer.
"use strict";

const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { MediaStreamTrack, RTCPeerConnection } = require("werift");
const { say, serve } = require("./lines.js");
const { sendOpus } = require("./rtp.js");
require("./arrivals.js");
require("./w3c.js");

function source(kind) {
  const track = new MediaStreamTrack({ kind });
  sendOpus((packet) => track.writeRtp(packet));
  return track;
}

function watch(track, _, arrivals) {
  track.onReceiveRtp.subscribe(({ header }) => arrivals.note(undefined, header.sequenceNumber));
}

// Its package.json is not among what it exports.
const root = join(require.resolve("werift"), "..", "..", "..", "..");
const { version } = JSON.parse(readFileSync(join(root, "package.json")));

serve(version, w3cPeer({ RTCPeerConnection, source, watch }, say));
