"""Two peers in one program: a picture, a tone and a message go from the one to the other.

python examples/two_peers.py
"""

import asyncio

from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import PeerConnection, TrackEvent
from signaling import Negotiator, channel_pair


async def main() -> None:
    """Call, print the media and messages that arrive, and end."""
    here, there = channel_pair()
    async with PeerConnection() as caller, PeerConnection() as callee, asyncio.TaskGroup() as tasks:
        tasks.create_task(Negotiator(caller, here, polite=False).run())
        tasks.create_task(Negotiator(callee, there, polite=True).run())

        arrived: asyncio.Queue[object] = asyncio.Queue()

        @callee.on("track")
        async def show(event: TrackEvent) -> None:
            arrived.put_nowait(await event.track.recv())

        callee.on("datachannel", lambda event: event.channel.on("message", arrived.put_nowait))

        caller.addTrack(SyntheticVideoTrack())
        caller.addTrack(SyntheticAudioTrack())
        chat = caller.createDataChannel("chat")
        chat.on("open", lambda: chat.send("a message"))

        for _ in range(3):
            print(await arrived.get())
        await asyncio.gather(caller.close(), callee.close())


if __name__ == "__main__":
    asyncio.run(main())
