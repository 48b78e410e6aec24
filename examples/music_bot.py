"""A bot that plays a file to everybody who comes, from its start and again and again.

    python examples/music_bot.py ws://127.0.0.1:8080/ws lobby song.mp3

Anything that FFmpeg can read will do, with a picture, sound, or both.
"""

import asyncio
import sys

from media import FileSource
from peer import PeerConnection
from signaling import Negotiator, PeerChannel, join


async def main(url: str, name: str, file: str) -> None:
    """Play in this room until cancelled."""
    async with await join(url, room=name, name="music") as room, asyncio.TaskGroup() as calls:
        async for channel in room.channels():
            calls.create_task(play(channel, file))


async def play(channel: PeerChannel, file: str) -> None:
    """Play to one listener, until they leave."""
    source = await FileSource.open(file, loop=True)
    async with PeerConnection() as pc:
        for track in (source.audio, source.video):
            if track is not None:
                pc.addTrack(track)
        try:
            await Negotiator(pc, channel, polite=channel.polite).run()
        finally:
            source.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
