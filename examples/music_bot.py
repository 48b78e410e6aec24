"""A bot that plays a file to everybody who comes, from its start and again and again.

    python examples/music_bot.py ws://127.0.0.1:8080/ws lobby song.mp3

Anything that FFmpeg can read will do, with a picture, sound, or both.
"""

import asyncio
import sys

from media import FileSource
from signaling import Participant, Room, run_forever


async def main(url: str, name: str, file: str) -> None:
    """Play in this room until the process is told to end."""

    def play(room: Room) -> None:
        room.on("participantjoined", lambda participant: play_to(participant, file))

    await run_forever(play, url, room=name, name="music")


async def play_to(participant: Participant, file: str) -> None:
    """Play to one listener, until they leave."""
    source = await FileSource.open(file, loop=True)
    try:
        for track in (source.audio, source.video):
            if track is not None:
                participant.connection.addTrack(track)
        await participant.left()
    finally:
        source.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
