"""A bot to talk with: silent at once when interrupted. What it hears and says is yours to replace.

pip install 'handfast[voice]'
python examples/voice_bot.py ws://127.0.0.1:8080/ws lobby
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from media import PushedAudio, SpeechEnded, SpeechStarted, turns
from peer import MediaStreamTrack
from signaling import Participant, Room, run_forever


async def recognise(utterance: NDArray[np.int16]) -> str:
    """From what somebody said, at 16 kHz, to words."""
    return f"{len(utterance) / 16_000:.1f} seconds of speech"


async def synthesise(words: str) -> AsyncIterator[NDArray[np.int16]]:
    """Sound of 24 kHz, piece by piece as it is made; here two beeps a word."""
    for pitch in (440, 550) * len(words.split()):
        yield (8000 * np.sin(2 * np.pi * pitch / 24_000 * np.arange(12_000))).astype(np.int16)


async def say(words: str, voice: PushedAudio) -> None:
    """Say words, until it is cancelled."""
    async for samples in synthesise(words):
        await voice.push(samples, rate=24_000)


async def converse(track: MediaStreamTrack, voice: PushedAudio) -> None:
    """Answer each utterance until the track ends, and stop when somebody else speaks."""
    saying = asyncio.create_task(say("Hello", voice))
    async with turns(track) as heard:
        async for turn in heard:
            match turn:
                case SpeechStarted():
                    saying.cancel()
                    voice.interrupt()
                case SpeechEnded():
                    saying = asyncio.create_task(say(await recognise(turn.samples), voice))
    saying.cancel()


def talk(room: Room) -> None:
    """Talk with each one who comes, until they leave."""

    @room.on("participantjoined")
    def greet(participant: Participant) -> None:
        participant.connection.addTrack(voice := PushedAudio())
        participant.connection.on("track", lambda e: e.resumed or converse(e.track, voice))


if __name__ == "__main__":
    asyncio.run(run_forever(talk, sys.argv[1], room=sys.argv[2], name="voice"))
