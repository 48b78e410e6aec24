#!/bin/sh
# aiortc 1.16.0, seen 2026-11: an offer without `a=ssrc` (RFC 9429 wants none, and many servers and
# native stacks write none) with two video tracks connects, every packet arrives, and neither track
# ever gives a picture: `recv()` waits until the call ends. Header extensions for the mid are
# negotiated and are in the packets, but are not used to tell the tracks apart. With one track all
# is well, so the fault appears with the first screen that is shared, and no error is raised.
# Output seen, after 300 packets:
#   1 track, with a=ssrc: pictures of 1
#   1 track, without: pictures of 1
#   2 tracks, with a=ssrc: pictures of 2
#   2 tracks, without: pictures of 0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install -q aiortc==1.16.0
seen=$(timeout 180 "$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import re

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, VideoStreamTrack


async def call(count, keep_ssrc):
    camera, viewer = RTCPeerConnection(), RTCPeerConnection()
    seen, readers = set(), []

    async def read(track):
        try:
            while True:
                await track.recv()
                seen.add(track)
        except MediaStreamError:
            pass

    viewer.on("track", lambda track: readers.append(asyncio.create_task(read(track))))
    for _ in range(count):
        camera.addTrack(VideoStreamTrack())
    await camera.setLocalDescription(await camera.createOffer())
    sdp = camera.localDescription.sdp
    assert "urn:ietf:params:rtp-hdrext:sdes:mid" in sdp
    if not keep_ssrc:
        sdp = re.sub("a=ssrc.*\r\n", "", sdp)
    await viewer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    await viewer.setLocalDescription(await viewer.createAnswer())
    await camera.setRemoteDescription(viewer.localDescription)
    packets = 0
    while packets < 300 or (keep_ssrc and len(seen) < count):
        await asyncio.sleep(0.1)
        statistics = (await viewer.getStats()).values()
        packets = sum(s.packetsReceived for s in statistics if s.type == "transport")
    await camera.close()
    await viewer.close()
    await asyncio.gather(*readers)
    return len(seen)


async def main():
    for count, words in ((1, "1 track"), (2, "2 tracks")):
        print(f"{words}, with a=ssrc: pictures of {await call(count, True)}")
        print(f"{words}, without: pictures of {await call(count, False)}")


asyncio.run(main())
PYTHON
)
echo "$seen"
if [ "$seen" != "1 track, with a=ssrc: pictures of 1
1 track, without: pictures of 1
2 tracks, with a=ssrc: pictures of 2
2 tracks, without: pictures of 0" ]; then
    echo "Changed: aiortc finds the track of a packet otherwise than it did." >&2
    exit 1
fi
