// Reads getStats: turns counters into rates, and gives the facts of the transport one shape in
// every browser.

/**
 * Samples the statistics of one connection. Each `sample()` gives rates since the sample before; an
 * unknown value is null.
 */
export class Sampler {
  #connection;
  #before = null;

  constructor(connection) {
    this.#connection = connection;
  }

  async sample() {
    const stats = [...(await this.#connection.getStats()).values()];
    const now = counters(stats);
    const before = this.#before ?? now;
    this.#before = now;
    const seconds = (now.time - before.time) / 1000;
    const rate = (name) => (seconds > 0 ? Math.max(0, now[name] - before[name]) / seconds : null);
    return {
      sentBits: rate("bytesSent") === null ? null : 8 * rate("bytesSent"),
      receivedBits: rate("bytesReceived") === null ? null : 8 * rate("bytesReceived"),
      sentFrames: rate("framesSent"),
      receivedFrames: rate("framesDecoded"),
      sentLoss: share(now.remoteLost - before.remoteLost, now.packetsSent - before.packetsSent),
      receivedLoss: share(
        now.lost - before.lost,
        now.packetsReceived - before.packetsReceived + (now.lost - before.lost),
      ),
      rtcpRoundTrip: now.roundTrip,
      checks: checks(stats),
      totals: now,
      transport: transport(stats),
    };
  }
}

/** Returns a share from 0 to 1; null where the whole is 0 or unknown. */
function share(part, whole) {
  return whole > 0 ? Math.min(1, Math.max(0, part / whole)) : null;
}

function counters(stats) {
  const of = (type) => stats.filter((s) => s.type === type);
  const sum = (list, name) => list.reduce((total, s) => total + (s[name] ?? 0), 0);
  const [sent, received] = [of("outbound-rtp"), of("inbound-rtp")];
  const remote = of("remote-inbound-rtp");
  const video = (list) => list.filter((s) => s.kind === "video");
  const roundTrips = remote.map((s) => s.roundTripTime).filter((v) => v > 0);
  return {
    time: performance.now(),
    bytesSent: sum(sent, "bytesSent"),
    bytesReceived: sum(received, "bytesReceived"),
    packetsSent: sum(sent, "packetsSent"),
    packetsReceived: sum(received, "packetsReceived"),
    lost: sum(received, "packetsLost"),
    remoteLost: sum(remote, "packetsLost"),
    framesSent: sum(video(sent), "framesSent") || sum(video(sent), "framesEncoded"),
    framesDecoded: sum(video(received), "framesDecoded"),
    roundTrip: roundTrips.length ? 1000 * Math.min(...roundTrips) : null,
    codecs: [...new Set(sent.map((s) => stats.find(({ id }) => id === s.codecId)?.mimeType))],
  };
}

/** Counts addresses and ICE checks; `sent` and `answered` are null where a browser does not tell. */
function checks(stats) {
  const of = (type) => stats.filter((s) => s.type === type);
  const sum = (name) => {
    const told = of("candidate-pair").filter((pair) => pair[name] !== undefined);
    return told.length ? told.reduce((total, pair) => total + pair[name], 0) : null;
  };
  return {
    here: of("local-candidate").length,
    there: of("remote-candidate").length,
    sent: sum("requestsSent"),
    answered: sum("responsesReceived"),
  };
}

function transport(stats) {
  const find = (id) => stats.find((s) => s.id === id);
  const own = stats.find((s) => s.type === "transport") ?? {};
  const pair =
    find(own.selectedCandidatePairId) ??
    stats.find((s) => s.type === "candidate-pair" && (s.selected || s.nominated));
  return {
    dtlsRole: own.dtlsRole ?? null,
    tlsVersion: own.tlsVersion ?? null,
    dtlsCipher: own.dtlsCipher ?? null,
    srtpCipher: own.srtpCipher ?? null,
    iceRole: own.iceRole ?? null,
    local: candidate(find(pair?.localCandidateId)),
    remote: candidate(find(pair?.remoteCandidateId)),
  };
}

function candidate(stats) {
  if (!stats) return null;
  const address = stats.address ?? stats.ip ?? "hidden";
  const host = address.includes(":") ? `[${address}]` : address;
  return { address: `${host}:${stats.port}`, type: stats.candidateType };
}
