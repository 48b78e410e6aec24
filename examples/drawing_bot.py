"""A bot that looks at everybody's picture, draws on it, and sends it back.

    python examples/drawing_bot.py ws://127.0.0.1:8080/ws lobby

What it finds is the brightest spot; any other way to look at a NumPy array will do as well.
"""

import asyncio
import sys

import numpy as np
from numpy.typing import NDArray

from media import PushedVideo, pictures
from peer import PeerConnection, TrackEvent
from signaling import Negotiator, PeerChannel, join

RED = (255, 0, 0)


async def main(url: str, name: str) -> None:
    """Answer in this room until cancelled."""
    async with await join(url, room=name, name="artist") as room, asyncio.TaskGroup() as calls:
        async for channel in room.channels():
            calls.create_task(call(channel))


async def call(channel: PeerChannel) -> None:
    """Serve one call until the peer leaves."""
    async with PeerConnection() as pc:
        negotiator = Negotiator(pc, channel, polite=channel.polite)

        @pc.on("track")
        async def give_back(event: TrackEvent) -> None:
            if event.resumed:
                return
            if event.track.kind == "audio":
                pc.addTrack(event.receiver.encoded_track())
                return
            canvas = PushedVideo()
            pc.addTrack(canvas)
            async for picture in pictures(event.track):
                canvas.push(mark(picture.pixels))

        await negotiator.run()


def mark(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An RGB picture with lines that cross where it is brightest."""
    light = picture.sum(axis=2, dtype=np.uint16)
    row, column = np.unravel_index(light.argmax(), light.shape)
    picture[max(0, row - 2) : row + 2] = RED
    picture[:, max(0, column - 2) : column + 2] = RED
    return picture


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
