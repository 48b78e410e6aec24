#!/bin/sh
# werift 0.24.4 and 0.25.2, seen 2026-11: 0.24 fires `track` anew with every offer that it takes, for a
# track that it has announced already and whose direction has not changed; browsers fire it once. A bot
# that answers `track` with a track of its own then sends another one after each renegotiation. 0.25
# fires it once.
# Output seen:
#   0.24.4: 1, 2, 3 events after three offers of 1 track
#   0.25.2: 1, 1, 1 events after three offers of 1 track
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > events.js <<'JAVASCRIPT'
const { MediaStreamTrack, RTCPeerConnection } = require("werift");

(async () => {
  const caller = new RTCPeerConnection({ iceServers: [] });
  const callee = new RTCPeerConnection({ iceServers: [] });
  const heard = [];
  callee.onTrack.subscribe((track) => heard.push(track.id));
  caller.addTransceiver(new MediaStreamTrack({ kind: "audio" }), { direction: "sendonly" });
  const counts = [];
  for (let offer = 0; offer < 3; offer += 1) {
    await caller.setLocalDescription(await caller.createOffer());
    await callee.setRemoteDescription(caller.localDescription);
    await callee.setLocalDescription(await callee.createAnswer());
    await caller.setRemoteDescription(callee.localDescription);
    counts.push(heard.length);
  }
  console.log(`${counts.join(", ")} events after three offers of ${new Set(heard).size} track`);
  process.exit(0);
})();
JAVASCRIPT
seen=$(for version in 0.24.4 0.25.2; do
    rm -rf node_modules
    timeout 300 npm install --silent --no-save --no-audit --no-fund "werift@$version" >/dev/null
    echo "$version: $(timeout 60 node events.js || true)"
done)
echo "$seen"
if [ "$seen" != "0.24.4: 1, 2, 3 events after three offers of 1 track
0.25.2: 1, 1, 1 events after three offers of 1 track" ]; then
    echo "Changed: werift announces tracks otherwise than it did." >&2
    exit 1
fi
