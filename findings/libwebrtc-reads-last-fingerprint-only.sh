#!/bin/sh
# @roamhq/wrtc 0.10.0 (libwebrtc), seen 2026-11: of several `a=fingerprint` lines, which RFC 8122 section 5
# allows and of which one that matches is enough, libwebrtc reads the last. An offer that announces
# two certificates is accepted without a word, and fails in the DTLS handshake unless the certificate
# that is shown stands last. So certificates cannot be changed over by announcing old and new together.
# Output seen:
#   only the true one: connected
#   another, then the true one: connected
#   the true one, then another: failed
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
timeout 300 npm install --silent --no-save --no-audit --no-fund @roamhq/wrtc@0.10.0 >/dev/null
cat > call.js <<'JAVASCRIPT'
const { RTCPeerConnection } = require("@roamhq/wrtc");

const other = "a=fingerprint:sha-256 " + Array(32).fill("AB").join(":");
const line = /(a=fingerprint:.*)\r\n/;

async function call(change) {
  const [caller, callee] = [new RTCPeerConnection(), new RTCPeerConnection()];
  const trickle = (from, to) => {
    from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate);
  };
  caller.createDataChannel("chat");
  const offer = await caller.createOffer();
  await callee.setRemoteDescription({ type: "offer", sdp: change(offer.sdp) });
  trickle(caller, callee);
  await caller.setLocalDescription(offer);
  const answer = await callee.createAnswer();
  await caller.setRemoteDescription(answer);
  trickle(callee, caller);
  await callee.setLocalDescription(answer);
  const states = () => [caller.connectionState, callee.connectionState];
  while (!states().includes("failed") && !states().every((state) => state === "connected")) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const state = states().includes("failed") ? "failed" : "connected";
  caller.close();
  callee.close();
  return state;
}

(async () => {
  console.log("only the true one:", await call((sdp) => sdp));
  const before = (sdp) => sdp.replace(line, `${other}\r\n$1\r\n`);
  console.log("another, then the true one:", await call(before));
  const after = (sdp) => sdp.replace(line, `$1\r\n${other}\r\n`);
  console.log("the true one, then another:", await call(after));
  process.exit(0);
})();
JAVASCRIPT
seen=$(timeout 90 node call.js || true)
echo "$seen"
if [ "$seen" != "only the true one: connected
another, then the true one: connected
the true one, then another: failed" ]; then
    echo "Changed: libwebrtc reads several fingerprints otherwise than it did." >&2
    exit 1
fi
