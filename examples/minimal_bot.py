"""A bot that joins a room and sends everybody their picture back with the time on it.

    python examples/minimal_bot.py ws://127.0.0.1:8080/ws lobby

Each member of the room that calls gets an answer; `two_peers.py` shows the other side.
"""

import asyncio
import sys

from media import OverlayTrack
from signaling import Room, RoomTrackEvent, run_forever


def mirror(room: Room) -> None:
    """Send each picture back with the time on it, and each sound as it is."""

    @room.on("track")
    def give_back(event: RoomTrackEvent) -> None:
        if event.resumed:
            return
        track = OverlayTrack(event.track) if event.track.kind == "video" else event.track
        event.participant.connection.addTrack(track)


async def main(url: str, name: str) -> None:
    """Answer in this room until the process is told to end."""
    await run_forever(mirror, url, room=name, name="bot")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
