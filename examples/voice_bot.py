"""A bot to talk with: silent at once when interrupted. What it hears and says is yours to replace.

python examples/voice_bot.py ws://127.0.0.1:8080/ws lobby
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from media import PushedAudio, pcm
from peer import PeerConnection, TrackEvent
from signaling import Negotiator, connect


async def recognise(sound: AsyncIterator[NDArray[np.int16]]) -> AsyncIterator[str]:
    """From 20 ms of 16 kHz at a time: "" when somebody begins to speak, then what was said."""
    loud = quiet = 0
    async for block in sound:
        noise = np.abs(block.astype(float)).mean() > 500
        loud, quiet = (loud + 1, 0) if noise else (loud if quiet < 25 else 0, quiet + 1)
        if noise and loud == 5:
            yield ""
        elif quiet == 25 and loud >= 5:
            yield f"{loud / 50:.1f} seconds of noise"


async def synthesise(words: str) -> AsyncIterator[NDArray[np.int16]]:
    """Sound of 24 kHz, piece by piece as it is made; here two beeps a word."""
    for pitch in (440, 550) * len(words.split()):
        yield (8000 * np.sin(2 * np.pi * pitch / 24_000 * np.arange(12_000))).astype(np.int16)


async def main(url: str, name: str) -> None:
    """Talk with the first one who comes to this room, until they leave."""
    voice = PushedAudio()

    async def say(words: str) -> None:
        async for samples in synthesise(words):
            await voice.push(samples, rate=24_000)

    async def converse(event: TrackEvent) -> None:
        saying = asyncio.create_task(say("Hello"))
        async for words in recognise(pcm(event.track)):
            saying.cancel()
            voice.interrupt()
            saying = asyncio.create_task(say(words))
        saying.cancel()

    async with await connect(url, room=name, name="voice") as channel, PeerConnection() as pc:
        pc.addTrack(voice)
        pc.on("track", lambda event: event.resumed or converse(event))
        await Negotiator(pc, channel, polite=channel.polite).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
