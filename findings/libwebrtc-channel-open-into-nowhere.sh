#!/bin/sh
# @roamhq/wrtc 0.10.0 (libwebrtc), seen 2026-11: a connection whose peer is replaced (a page that was
# reloaded offers anew, a call is handed over) follows it to new ICE, DTLS and SCTP associations. Its
# data channel stays `open`, fires no event, and send() succeeds; but libwebrtc does not announce it
# on the new association (DCEP, RFC 8832), so the new peer has no `datachannel` event for it and what
# is sent is lost, while channels made later work. A peer that made a channel of the same id by
# `negotiated: true` gets the messages: so agree on ids where a peer may be replaced.
# Output seen:
#   a new peer: announced later, got nothing
#   the old channel: open, events after the change: none
#   a new peer with a negotiated channel of that id: announced later, got "after"
#   the old channel: open, events after the change: none
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
timeout 300 npm install --silent --no-save --no-audit --no-fund @roamhq/wrtc@0.10.0 >/dev/null
cat > call.js <<'JAVASCRIPT'
const { RTCPeerConnection } = require("@roamhq/wrtc");

async function until(happened) {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 50));
}

function trickle(from, to) {
  from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate).catch(() => {});
}

async function exchange(offerer, answerer) {
  trickle(offerer, answerer);
  trickle(answerer, offerer);
  await offerer.setLocalDescription(await offerer.createOffer());
  await answerer.setRemoteDescription(offerer.localDescription);
  await answerer.setLocalDescription(await answerer.createAnswer());
  await offerer.setRemoteDescription(answerer.localDescription);
}

async function replaced(sameId) {
  const [kept, first, second] = [1, 2, 3].map(() => new RTCPeerConnection());
  const channels = [];
  const announced = [];
  const got = [];
  const events = [];
  const channel = kept.createDataChannel("chat");
  let arrived = 0;
  first.ondatachannel = (event) => {
    channels.push(event.channel);
    event.channel.onmessage = () => (arrived += 1);
  };
  await exchange(kept, first);
  await until(() => channel.readyState === "open");
  channel.send("before");
  await until(() => arrived);

  for (const name of ["open", "closing", "close", "error"]) {
    channel.addEventListener(name, () => events.push(name));
  }
  let followed = false;
  second.ondatachannel = (event) => {
    announced.push(event.channel.label);
    channels.push(event.channel);
    event.channel.onmessage = () => (followed = true);
  };
  const id = sameId ? channel.id : 8;
  const agreed = second.createDataChannel("agreed", { negotiated: true, id });
  agreed.onmessage = ({ data }) => got.push(data);
  await exchange(second, kept);
  await until(() => agreed.readyState === "open");
  channel.send("after");
  // What a channel that is made now carries comes behind it.
  const later = kept.createDataChannel("later");
  await until(() => later.readyState === "open");
  later.send("later");
  await until(() => followed && (got.length || !sameId));
  const name = sameId ? "a new peer with a negotiated channel of that id" : "a new peer";
  const heard = got.length ? `"${got.join()}"` : "nothing";
  console.log(`${name}: announced ${announced.join()}, got ${heard}`);
  const fired = events.join() || "none";
  console.log(`the old channel: ${channel.readyState}, events after the change: ${fired}`);
  for (const connection of [kept, first, second]) connection.close();
}

(async () => {
  await replaced(false);
  await replaced(true);
  process.exit(0);
})();
JAVASCRIPT
seen=$(timeout 90 node call.js || true)
echo "$seen"
if [ "$seen" != 'a new peer: announced later, got nothing
the old channel: open, events after the change: none
a new peer with a negotiated channel of that id: announced later, got "after"
the old channel: open, events after the change: none' ]; then
    echo "Changed: libwebrtc treats channels otherwise than it did when a peer is replaced." >&2
    exit 1
fi
