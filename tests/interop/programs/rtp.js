// RTP of silent Opus, sent and counted for a stack without media sources of its own.
"use strict";

const INTERVAL = 20;
const SAMPLES = 960;
const SILENCE = Buffer.from([0xf8, 0xff, 0xfe]);

// The RTP of RFC 3550 section 5.1, fifty packets a second, in step with the clock.
function sendOpus(send, { payloadType = 0, ssrc = 0x5eed } = {}) {
  const start = performance.now();
  let sent = 0;
  setInterval(() => {
    while (sent * INTERVAL < performance.now() - start) {
      const header = Buffer.alloc(12);
      header[0] = 0x80;
      header[1] = payloadType;
      header.writeUInt16BE(sent & 0xffff, 2);
      header.writeUInt32BE((sent * SAMPLES) >>> 0, 4);
      header.writeUInt32BE(ssrc, 8);
      sent += 1;
      send(Buffer.concat([header, SILENCE]));
    }
  }, INTERVAL / 2);
}

// What the m-sections of a description call Opus.
function opusPayloadType(sdp) {
  return Number(/a=rtpmap:(\d+) opus\/48000/i.exec(sdp)[1]);
}

module.exports = { sendOpus, opusPayloadType };
