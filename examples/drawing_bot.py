"""A bot that looks at everybody's picture, draws on it, and sends it back.

    python examples/drawing_bot.py ws://127.0.0.1:8080/ws lobby

What it finds is the brightest spot; any other way to look at a NumPy array will do as well.
"""

import asyncio
import sys

import numpy as np
from numpy.typing import NDArray

from media import PushedVideo, pictures
from signaling import Room, RoomTrackEvent, run_forever

RED = (255, 0, 0)


def draw(room: Room) -> None:
    """Send each picture back with a mark on it, and each sound as it is."""

    @room.on("track")
    async def give_back(event: RoomTrackEvent) -> None:
        connection = event.participant.connection
        if event.resumed:
            return
        if event.track.kind == "audio":
            connection.addTrack(event.receiver.encoded_track())
            return
        canvas = PushedVideo()
        connection.addTrack(canvas)
        async for picture in pictures(event.track):
            canvas.push(mark(picture.pixels))


def mark(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An RGB picture with lines that cross where it is brightest."""
    light = picture.sum(axis=2, dtype=np.uint16)
    row, column = np.unravel_index(light.argmax(), light.shape)
    picture[max(0, row - 2) : row + 2] = RED
    picture[:, max(0, column - 2) : column + 2] = RED
    return picture


async def main(url: str, name: str) -> None:
    """Answer in this room until the process is told to end."""
    await run_forever(draw, url, room=name, name="artist")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
