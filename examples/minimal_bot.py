"""A bot that joins a room and sends everybody their picture back with the time on it.

    python examples/minimal_bot.py ws://127.0.0.1:8080/ws lobby

Each member of the room that calls gets an answer; `two_peers.py` shows the other side.
"""

import asyncio
import sys

from media import OverlayTrack
from peer import PeerConnection, TrackEvent
from signaling import Negotiator, PeerChannel, join


async def main(url: str, name: str) -> None:
    """Answer in this room until cancelled."""
    async with await join(url, room=name, name="bot") as room, asyncio.TaskGroup() as calls:
        async for channel in room.channels():
            calls.create_task(call(channel))


async def call(channel: PeerChannel) -> None:
    """Serve one call until the peer leaves."""
    async with PeerConnection() as pc:
        negotiator = Negotiator(pc, channel, polite=channel.polite)

        @pc.on("track")
        def give_back(event: TrackEvent) -> None:
            track = event.track
            if not event.resumed:
                pc.addTrack(OverlayTrack(track) if track.kind == "video" else track)

        await negotiator.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
