"""A bot that sends everybody back what they send, neither decoded nor encoded again.

    python examples/echo_bot.py ws://127.0.0.1:8080/ws lobby

So it costs little, whatever the size of the picture. Key frames are asked for where they are made.
"""

import asyncio
import sys

from signaling import Room, RoomTrackEvent, run_forever


def echo(room: Room) -> None:
    """Send each track back to whom it comes from."""

    @room.on("track")
    def give_back(event: RoomTrackEvent) -> None:
        # Not again after hold, when the track is the same.
        if not event.resumed:
            event.participant.connection.addTrack(event.receiver.encoded_track())


async def main(url: str, name: str) -> None:
    """Answer in this room until the process is told to end."""
    await run_forever(echo, url, room=name, name="echo")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
