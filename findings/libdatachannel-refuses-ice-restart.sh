#!/bin/sh
# node-datachannel 0.33.4 (libdatachannel), seen 2026-11: an offer that repeats the one before is taken
# in a session that is up, but one that restarts ICE (RFC 8445 section 9; all else unchanged) raises an
# error, though browsers send it whenever a network changes. The session goes on as it was: refused
# is the offer alone. So the offerer, which waits for an answer, has to roll back, and a session whose
# path is gone can only be made anew.
# Output seen:
#   the same offer again: taken, stable
#   the same with new ICE credentials: Invalid ICE settings from remote SDP, stable
#   a message after that: arrives
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
timeout 300 npm install --silent --no-save --no-audit --no-fund node-datachannel@0.33.4 >/dev/null
cat > call.js <<'JAVASCRIPT'
const { PeerConnection } = require("node-datachannel");

const caller = new PeerConnection("caller", { iceServers: [] });
const callee = new PeerConnection("callee", { iceServers: [] });
let answers = 0;
caller.onLocalDescription((sdp, type) => callee.setRemoteDescription(sdp, type));
callee.onLocalDescription((sdp, type) => {
  answers += 1;
  if (answers === 1) caller.setRemoteDescription(sdp, type);
});
caller.onLocalCandidate((candidate, mid) => callee.addRemoteCandidate(candidate, mid));
callee.onLocalCandidate((candidate, mid) => caller.addRemoteCandidate(candidate, mid));

async function until(happened) {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 50));
}

function offered(sdp) {
  try {
    callee.setRemoteDescription(sdp, "offer");
    return `taken, ${callee.signalingState()}`;
  } catch (error) {
    return `${error.message.split(": ").pop()}, ${callee.signalingState()}`;
  }
}

(async () => {
  const messages = [];
  let theirs;
  callee.onDataChannel((channel) => {
    theirs = channel;
    channel.onMessage((message) => messages.push(message));
  });
  const ours = caller.createDataChannel("chat");
  await until(() => ours.isOpen() && theirs);
  const { sdp } = caller.localDescription();
  console.log("the same offer again:", offered(sdp));
  await until(() => answers === 2);
  const restart = sdp
    .replace(/a=ice-ufrag:\S+/g, "a=ice-ufrag:neww")
    .replace(/a=ice-pwd:\S+/g, "a=ice-pwd:thepasswordofanicerestart");
  console.log("the same with new ICE credentials:", offered(restart));
  ours.sendMessage("hello");
  await until(() => messages.length);
  console.log("a message after that: arrives");
  process.exit(0);
})();
JAVASCRIPT
seen=$(timeout 60 node call.js || true)
echo "$seen"
if [ "$seen" != "the same offer again: taken, stable
the same with new ICE credentials: Invalid ICE settings from remote SDP, stable
a message after that: arrives" ]; then
    echo "Changed: libdatachannel treats later offers otherwise than it did." >&2
    exit 1
fi
