"""Process of a conference server, controlled by lines of JSON: relayed as it came, or mixed.

Usage: `python -m benchmarks.conference_server MODE CORE`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any, assert_never

from benchmarks.rtp_subject import serve
from benchmarks.rtp_subjects import answered
from media.mixing import AudioMixer
from peer import PeerConnection, TrackEvent

if TYPE_CHECKING:
    from peer import MediaStreamTrack

#: Most frames of one participant that wait to be relayed (ours).
_LIMIT = 1024


class Mode(StrEnum):
    """What a server does with the sound of its participants."""

    #: Decrypted once, encrypted for each of the others, never decoded.
    RELAY = "relay"
    #: Decoded, mixed, and encoded for each participant.
    MIX = "mix"


class ConferenceServer:
    """A server end with a connection for what each participant says, and one for what it hears.

    Args:
        mode: What it does with sound.
    """

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._mixer = AudioMixer(channels=2)
        self._connections: list[PeerConnection] = []
        self._tracks: list[MediaStreamTrack] = []

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a request: `source` or `sink` with an offer, or `read`."""
        match request["do"]:
            case "source":
                return {"answer": await self._source(request["offer"])}
            case "sink":
                return {"answer": await self._sink(request["offer"], request["participant"])}
            case _:
                return {"frames": 0, "processor": time.process_time()}

    async def _source(self, offer: str) -> str:
        pc = PeerConnection()
        pc.on("track", self._take)
        return await self._answer(pc, offer)

    async def _sink(self, offer: str, participant: int) -> str:
        pc = PeerConnection()
        match self._mode:
            case Mode.RELAY:
                for number, track in enumerate(self._tracks):
                    if number != participant:
                        pc.addTrack(track)
            case Mode.MIX:
                pc.addTrack(self._mixer.track(without=self._tracks[participant]))
            case _:
                assert_never(self._mode)
        return await self._answer(pc, offer)

    async def _answer(self, pc: PeerConnection, offer: str) -> str:
        self._connections.append(pc)
        return await answered(pc, offer)

    def _take(self, event: TrackEvent) -> None:
        match self._mode:
            case Mode.RELAY:
                self._tracks.append(event.receiver.encoded_track(limit=_LIMIT))
            case Mode.MIX:
                self._tracks.append(event.track)
                self._mixer.add(event.track)
            case _:
                assert_never(self._mode)


async def main(mode: str, core: str) -> None:
    """Run the process from the command line."""
    os.sched_setaffinity(0, {int(core)})
    await serve(ConferenceServer(Mode(mode)).answer)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
