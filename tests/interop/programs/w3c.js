// A peer on the RTCPeerConnection of W3C, in a page or in Node.js.
"use strict";

// `stack` has RTCPeerConnection, `source(kind)`, a track that never ends, and `watch(track,
// receiver, arrivals)`, that notes whatever arrives on the track.
globalThis.w3cPeer = (stack, say) => {
  const connection = new stack.RTCPeerConnection();
  const arrivals = new Arrivals();
  // werift tells of a track again with every offer.
  const watched = new WeakSet();
  const added = [];
  let prepared = false;

  connection.onicecandidate = ({ candidate }) => {
    if (candidate?.candidate) {
      const { sdpMid, sdpMLineIndex } = candidate;
      say("candidate", { candidate: { candidate: candidate.candidate, sdpMid, sdpMLineIndex } });
    }
  };
  connection.ondatachannel = ({ channel }) => echo(channel);
  connection.ontrack = ({ receiver, track }) => watch(receiver, track);

  function echo(channel) {
    channel.onmessage = ({ data }) => channel.send(data);
  }

  function watch(receiver, track) {
    if (!track || watched.has(track)) return;
    watched.add(track);
    stack.watch(track, receiver, arrivals);
  }

  function send(kind) {
    const made = connection.addTrack(stack.source(kind));
    added.push(made);
    const { receiver } = connection.getTransceivers().find(({ sender }) => sender === made);
    // Chromium takes a transform of a receiver only where the receiver is made.
    watch(receiver, receiver.track);
  }

  function prepare() {
    if (!prepared && connection.getTransceivers().length === 0) connection.addTransceiver("audio");
    if (!prepared && connection.remoteDescription === null) {
      echo(connection.createDataChannel("echo"));
    }
    prepared = true;
  }

  async function describe(description) {
    await connection.setLocalDescription(description);
    const { type, sdp } = connection.localDescription;
    say("description", { description: { type, sdp } });
  }

  async function take(description) {
    await connection.setRemoteDescription(description);
    if (description.type === "offer") await describe(await connection.createAnswer());
  }

  async function report() {
    const stats = [...(await connection.getStats()).values()];
    const byId = (id) => stats.find((each) => each.id === id);
    // The stream that flows, where m-sections were added that have none.
    const [inbound] = stats
      .filter(({ type }) => type === "inbound-rtp")
      .sort((one, other) => other.packetsReceived - one.packetsReceived);
    const transport = stats.find(({ type }) => type === "transport") ?? {};
    const pair =
      byId(transport.selectedCandidatePairId) ??
      // Firefox has no entry for the transport.
      stats.find(({ type, nominated, selected }) => type === "candidate-pair" && (selected ?? nominated));
    say("report", {
      audioPackets: inbound?.packetsReceived ?? 0,
      transport,
      arrivals: arrivals.report(),
      inbound: inbound ?? {},
      pair: pair ? [byId(pair.localCandidateId), byId(pair.remoteCandidateId)] : [],
    });
  }

  return async (command) => {
    switch (command.do) {
      case "send":
        return send(command.kind);
      case "channel":
        return echo(connection.createDataChannel(command.label));
      case "unsend":
        return connection.removeTrack(added.pop());
      case "direct":
        for (const transceiver of connection.getTransceivers()) {
          transceiver.direction = command.direction;
        }
        return;
      case "configure":
        return connection.setConfiguration(command.configuration);
      case "close":
        return connection.close();
      case "restart":
        return connection.restartIce();
      case "offer":
        prepare();
        return describe(await connection.createOffer({ iceRestart: command.iceRestart ?? false }));
      case "take":
        return take(command.description);
      case "candidate":
        return connection.addIceCandidate(command.candidate);
      case "reset":
        arrivals.reset();
        return say("reset");
      case "report":
        return report();
      default:
        throw new Error(`no such command: ${command.do}`);
    }
  };
};
