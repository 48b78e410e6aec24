"""Process of audio echo bots of one stack, controlled by lines of JSON.

Usage: `python -m benchmarks.echo_bots STACK`. A bot is one connection, whose track it gets it sends
back: decoded and encoded.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.rtp_subject import serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_kept: list[Any] = []


async def handfast(offer: str) -> str:
    """Answer with a bot of ours."""
    from benchmarks.rtp_subjects import answered
    from peer import PeerConnection, TrackEvent

    pc = PeerConnection()
    _kept.append(pc)

    def echo(event: TrackEvent) -> None:
        pc.addTrack(event.track)

    pc.on("track", echo)
    return await answered(pc, offer)


async def aiortc(offer: str) -> str:
    """Answer with a bot of aiortc's."""
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    _kept.append(pc)
    pc.on("track", pc.addTrack)
    await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await pc.setLocalDescription(await pc.createAnswer())
    return str(pc.localDescription.sdp)


STACKS: dict[str, Callable[[str], Awaitable[str]]] = {"handfast": handfast, "aiortc": aiortc}


async def _serve(stack: str) -> None:
    bot = STACKS[stack]

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "source":
            return {"answer": await bot(request["offer"])}
        return {"frames": 0, "processor": time.process_time()}

    await serve(answer)


def main(stack: str) -> None:
    """Run the process from the command line."""
    asyncio.run(_serve(stack))
    # Threads of aiortc may still run.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
