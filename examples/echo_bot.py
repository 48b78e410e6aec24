"""A bot that sends everybody back what they send, neither decoded nor encoded again.

    python examples/echo_bot.py ws://127.0.0.1:8080/ws lobby

So it costs little, whatever the size of the picture. Key frames are asked for where they are made.
"""

import asyncio
import sys

from peer import PeerConnection, TrackEvent
from signaling import Negotiator, PeerChannel, join


async def main(url: str, name: str) -> None:
    """Answer in this room until cancelled."""
    async with await join(url, room=name, name="echo") as room, asyncio.TaskGroup() as calls:
        async for channel in room.channels():
            calls.create_task(call(channel))


async def call(channel: PeerChannel) -> None:
    """Serve one call until the peer leaves."""
    async with PeerConnection() as pc:
        negotiator = Negotiator(pc, channel, polite=channel.polite)

        @pc.on("track")
        def give_back(event: TrackEvent) -> None:
            if not event.resumed:
                pc.addTrack(event.receiver.encoded_track())

        await negotiator.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
