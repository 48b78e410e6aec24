"""A bot that records everybody in a room, each into a file of their own, without transcoding.

    python examples/room_recorder.py ws://127.0.0.1:8080/ws lobby recordings

Kill it at any moment: all but the last second is in the files. `handfast record` is this with
more to choose from.
"""

import asyncio
import re
import sys
from pathlib import Path

from media import Recorder
from peer import PeerConnection
from signaling import Negotiator, PeerChannel, join


async def main(url: str, name: str, folder: str = ".") -> None:
    """Record in this room until cancelled."""
    async with await join(url, room=name, name="recorder") as room, asyncio.TaskGroup() as calls:
        async for channel in room.channels():
            calls.create_task(record(channel, Path(folder)))


async def record(channel: PeerChannel, folder: Path) -> None:
    """Record one participant until they leave. Matroska takes every codec of a browser as it is."""
    # What a stranger calls themselves is no path.
    name = re.sub(r"\W+", "-", channel.peer.name) or "somebody"
    recorder = Recorder(folder / f"{name}-{channel.peer.member}.mkv")
    recorder.on("segment", lambda file: print(f"{file.path}: {file.duration:.1f} s"))
    recorder.on("error", lambda failure: print(failure.error))
    async with PeerConnection() as pc:
        pc.on("track", lambda event: recorder.addTrack(event.track))
        await recorder.start()
        try:
            await Negotiator(pc, channel, polite=channel.polite).run()
        finally:
            await recorder.stop()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        print("Stopped.")
