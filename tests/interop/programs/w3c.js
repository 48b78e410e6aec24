// Owns a peer made of W3C's RTCPeerConnection, in a page or in Node.js.
"use strict";

globalThis.w3cPeer = (RTCPeerConnection, say) => {
  const connection = new RTCPeerConnection();
  connection.onicecandidate = ({ candidate }) => {
    if (candidate?.candidate) {
      const { sdpMid, sdpMLineIndex } = candidate;
      say("candidate", { candidate: { candidate: candidate.candidate, sdpMid, sdpMLineIndex } });
    }
  };
  connection.ondatachannel = ({ channel }) => echo(channel);

  function echo(channel) {
    channel.onmessage = ({ data }) => channel.send(data);
  }

  function describe() {
    const { type, sdp } = connection.localDescription;
    say("description", { description: { type, sdp } });
  }

  async function take(description) {
    await connection.setRemoteDescription(description);
    if (description.type === "offer") {
      await connection.setLocalDescription(await connection.createAnswer());
      describe();
    }
  }

  async function report() {
    const stats = [...(await connection.getStats()).values()];
    const inbound = stats.find(({ type }) => type === "inbound-rtp");
    const transport = stats.find(({ type }) => type === "transport") ?? {};
    say("report", { audioPackets: inbound?.packetsReceived ?? 0, transport });
  }

  return async (command) => {
    switch (command.do) {
      case "offer":
        connection.addTransceiver("audio");
        echo(connection.createDataChannel("echo"));
        await connection.setLocalDescription(await connection.createOffer());
        return describe();
      case "take":
        return take(command.description);
      case "candidate":
        return connection.addIceCandidate(command.candidate);
      case "report":
        return report();
      default:
        throw new Error(`no such command: ${command.do}`);
    }
  };
};
