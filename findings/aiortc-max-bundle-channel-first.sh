#!/bin/sh
# aiortc 1.16.0, seen 2026-11: with bundlePolicy max-bundle the order of two calls decides whether there is
# a connection. A data channel made before the first track or transceiver has a transport, which is
# closed when the answer is applied, as if another one carried the group, and no
# error is raised: the states stay new and connecting. With the two calls the other way round, or with the
# default policy, all is well.
# Output seen:
#   max-bundle, audio first: connected, channel open
#   max-bundle, channel first: new, transport of the channel closed
#   balanced, channel first: connected, channel open
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install -q aiortc==1.16.0
seen=$(timeout 90 "$folder/venv/bin/python" - <<'PYTHON'
import asyncio

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection


async def call(policy, channel_first):
    caller, callee = RTCPeerConnection(RTCConfiguration(bundlePolicy=policy)), RTCPeerConnection()
    if channel_first:
        channel = caller.createDataChannel("chat")
        caller.addTransceiver("audio")
    else:
        caller.addTransceiver("audio")
        channel = caller.createDataChannel("chat")
    await caller.setLocalDescription(await caller.createOffer())
    await callee.setRemoteDescription(caller.localDescription)
    await callee.setLocalDescription(await callee.createAnswer())
    await caller.setRemoteDescription(callee.localDescription)
    ice = caller.sctp.transport.transport
    while channel.readyState != "open" and ice.state != "closed":
        await asyncio.sleep(0.05)
    if ice.state == "closed":
        await asyncio.sleep(3)
        words = f"{caller.connectionState}, transport of the channel {ice.state}"
    else:
        words = f"{caller.connectionState}, channel {channel.readyState}"
    await caller.close()
    await callee.close()
    return words


async def main():
    most, balanced = RTCBundlePolicy.MAX_BUNDLE, RTCBundlePolicy.BALANCED
    print("max-bundle, audio first:", await call(most, False))
    print("max-bundle, channel first:", await call(most, True))
    print("balanced, channel first:", await call(balanced, True))


asyncio.run(main())
PYTHON
) || true
echo "$seen"
if [ "$seen" != "max-bundle, audio first: connected, channel open
max-bundle, channel first: new, transport of the channel closed
balanced, channel first: connected, channel open" ]; then
    echo "Changed: aiortc bundles a channel that was made first otherwise than it did." >&2
    exit 1
fi
