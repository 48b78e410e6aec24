"""A bot that calls everybody in a room with one offer, and talks to the first who accepts.

    python examples/ring_all.py ws://127.0.0.1:8080/ws lobby song.mp3

Devices that ring (`opening: "early-answer"`) are heard before anybody accepts; the others are told
that the call was answered elsewhere.
"""

import asyncio
import sys

from media import FileSource
from peer import PeerConnection
from signaling import NegotiationError, join

#: Seconds that it rings.
PATIENCE = 60.0


async def main(url: str, name: str, file: str) -> None:
    """Play a file to whoever accepts first, until they hang up."""
    source = await FileSource.open(file, loop=True)
    async with join(url, room=name, name="caller") as room:
        pc = PeerConnection()
        for track in (source.audio, source.video):
            if track is not None:
                pc.addTrack(track)
        try:
            async with asyncio.timeout(PATIENCE), room.ring(pc) as ringing:
                first = await ringing.accepted()
                await ringing.keep(first)
        except (TimeoutError, NegotiationError) as error:
            print(f"Nobody is there: {str(error) or 'nobody accepts in time'}.")
        else:
            print(f"{first.channel.peer.name} accepts, over {first.connection.id}.")
            await first.run()
        finally:
            source.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
