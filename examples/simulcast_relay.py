"""A camera in three sizes, and a relay that gives each of two viewers another one.

    python examples/simulcast_relay.py

Everything is in one process here. The relay decodes and encodes nothing.
"""

import asyncio

from media import SyntheticVideoTrack
from peer import PeerConnection, RtpEncodingParameters
from signaling import Negotiator, channel_pair

#: The RID that each viewer gets, the largest encoding that it wants.
WISHES = {"telephone": "quarter", "wall": "full"}


async def connect(tasks: asyncio.TaskGroup, one: PeerConnection, other: PeerConnection) -> None:
    """Connect two ends in this process."""
    here, there = channel_pair()
    tasks.create_task(Negotiator(one, here, polite=False).run())
    tasks.create_task(Negotiator(other, there, polite=True).run())
    await asyncio.gather(one.connected(), other.connected())


async def watch(name: str, viewer: PeerConnection, width: int) -> None:
    """Tell of the first picture that has the size a viewer wants."""
    async for frame in viewer.getReceivers()[0].encoded_frames():
        if frame.keyframe and frame.width == width:
            print(f"{name}: {frame.width} by {frame.height}")
            return


async def main() -> None:
    """Send, relay and watch until both viewers have what they want."""
    connections = [PeerConnection() for _ in range(6)]
    camera, entrance, *others = connections
    async with asyncio.TaskGroup() as tasks:
        sizes = [RtpEncodingParameters(rid=rid) for rid in ("quarter", "half", "full")]
        track = SyntheticVideoTrack(width=640, height=360)
        camera.addTransceiver(track, "sendonly", sendEncodings=sizes)
        await connect(tasks, camera, entrance)
        (receiver,) = entrance.getReceivers()
        viewers: dict[str, PeerConnection] = {}
        for name, rid in WISHES.items():
            way_out, viewers[name] = others.pop(), others.pop()
            way_out.addTrack(receiver.encoded_track(layer=rid))
            await connect(tasks, way_out, viewers[name])
        await asyncio.gather(
            watch("telephone", viewers["telephone"], 160), watch("wall", viewers["wall"], 640)
        )
        await asyncio.gather(*(each.close() for each in connections))


if __name__ == "__main__":
    asyncio.run(main())
