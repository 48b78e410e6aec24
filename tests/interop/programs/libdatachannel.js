// libdatachannel in Node.js as a peer.
"use strict";

const { Audio, PeerConnection, getLibraryVersion } = require("node-datachannel");
const { say, serve } = require("./lines.js");
const { opusPayloadType, sendOpus } = require("./rtp.js");
require("./arrivals.js");

const OPUS = 111;
const SSRC = 0x5eed;

const connection = new PeerConnection("peer", { iceServers: [], disableAutoNegotiation: true });
// What JavaScript forgets, libdatachannel ends.
const kept = [];
const arrivals = new Arrivals();
let audioPackets = 0;
let sends = false;
let prepared = false;

connection.onLocalDescription((sdp, type) => say("description", { description: { type, sdp } }));
connection.onLocalCandidate((candidate, sdpMid) =>
  say("candidate", { candidate: { candidate, sdpMid } }),
);
connection.onDataChannel(echo);
connection.onTrack(use);

function echo(channel) {
  kept.push(channel);
  channel.onMessage((message) => channel.sendMessage(message));
}

function use(track) {
  kept.push(track);
  track.onMessage((packet) => {
    // RFC 5761 section 4: RTCP comes here as well.
    if (packet[1] >= 192 && packet[1] <= 223) return;
    audioPackets += 1;
    arrivals.note(undefined, packet.readUInt16BE(2));
  });
  if (!sends) return;
  sends = false;
  track.onOpen(() => {
    const payloadType = opusPayloadType(connection.remoteDescription().sdp);
    sendOpus((packet) => track.sendMessageBinary(packet), { payloadType, ssrc: SSRC });
  });
}

function prepare() {
  if (!prepared && connection.remoteDescription() === null) {
    const audio = new Audio("audio", "SendRecv");
    audio.addOpusCodec(OPUS);
    audio.addSSRC(SSRC, "peer");
    use(connection.addTrack(audio));
    echo(connection.createDataChannel("echo"));
  }
  prepared = true;
}

function obey(command) {
  switch (command.do) {
    case "send":
      sends = true;
      return undefined;
    case "close":
      return connection.close();
    case "channel":
      return echo(connection.createDataChannel(command.label));
    case "offer":
      if (command.iceRestart) throw new Error("libdatachannel cannot restart ICE");
      prepare();
      return connection.setLocalDescription("offer");
    case "take": {
      const { type, sdp } = command.description;
      connection.setRemoteDescription(sdp, type);
      if (type === "offer") connection.setLocalDescription("answer");
      return undefined;
    }
    case "candidate":
      return connection.addRemoteCandidate(command.candidate.candidate, command.candidate.sdpMid);
    case "reset":
      arrivals.reset();
      return say("reset");
    case "report":
      return say("report", {
        audioPackets,
        transport: {},
        arrivals: arrivals.report(),
        inbound: {},
        pair: [],
      });
    default:
      throw new Error(`no such command: ${command.do}`);
  }
}

serve(getLibraryVersion(), obey);
