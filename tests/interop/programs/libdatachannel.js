// Owns libdatachannel in Node.js as a peer.
"use strict";

const { Audio, PeerConnection, getLibraryVersion } = require("node-datachannel");
const { say, serve } = require("./lines.js");

const OPUS = 111;

const connection = new PeerConnection("peer", { iceServers: [], disableAutoNegotiation: true });
// What JavaScript forgets, libdatachannel ends.
const kept = [];
let audioPackets = 0;

connection.onLocalDescription((sdp, type) => say("description", { description: { type, sdp } }));
connection.onLocalCandidate((candidate, sdpMid) =>
  say("candidate", { candidate: { candidate, sdpMid } }),
);
connection.onDataChannel(echo);
connection.onTrack(count);

function echo(channel) {
  kept.push(channel);
  channel.onMessage((message) => channel.sendMessage(message));
}

function count(track) {
  kept.push(track);
  track.onMessage(() => (audioPackets += 1));
}

function obey(command) {
  switch (command.do) {
    case "offer": {
      const audio = new Audio("audio", "SendRecv");
      audio.addOpusCodec(OPUS);
      count(connection.addTrack(audio));
      echo(connection.createDataChannel("echo"));
      return connection.setLocalDescription("offer");
    }
    case "take": {
      const { type, sdp } = command.description;
      connection.setRemoteDescription(sdp, type);
      if (type === "offer") connection.setLocalDescription("answer");
      return undefined;
    }
    case "candidate":
      return connection.addRemoteCandidate(command.candidate.candidate, command.candidate.sdpMid);
    case "report":
      return say("report", { audioPackets, transport: {} });
    default:
      throw new Error(`no such command: ${command.do}`);
  }
}

serve(getLibraryVersion(), obey);
