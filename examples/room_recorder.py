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
from signaling import Participant, Room, run_forever


async def main(url: str, name: str, folder: str = ".") -> None:
    """Record in this room until the process is told to end."""

    def record_all(room: Room) -> None:
        room.on("participantjoined", lambda participant: record(participant, Path(folder)))

    await run_forever(record_all, url, room=name, name="recorder")


async def record(participant: Participant, folder: Path) -> None:
    """Record one participant until they leave. Matroska takes every codec of a browser as it is."""
    # What a stranger calls themselves is no path.
    name = re.sub(r"\W+", "-", f"{participant.name or 'somebody'}-{participant.member}")
    recorder = Recorder(folder / f"{name}.mkv")
    recorder.on("segment", lambda file: print(f"{file.path}: {file.duration:.1f} s", flush=True))
    recorder.on("error", lambda failure: print(failure.error, flush=True))
    participant.connection.on("track", lambda event: recorder.addTrack(event.track))
    await recorder.start()
    try:
        await participant.left()
    finally:
        await recorder.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
