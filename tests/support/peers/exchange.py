"""Exchange of descriptions and candidates between us and a third-party peer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from peer import IceCandidate, SessionDescription

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from peer import IceCandidateEvent, PeerConnection
    from tests.support.peers.third_party import Line, ThirdPartyPeer

_CANDIDATE_FIELDS = ("candidate", "sdpMid", "sdpMLineIndex")


async def hand_over(peer: ThirdPartyPeer, description: SessionDescription) -> None:
    """Send our description to the peer, which answers an offer."""
    fields = {"type": description.type.value, "sdp": description.sdp}
    await peer.tell("take", description=fields)


async def hear_description(peer: ThirdPartyPeer) -> SessionDescription:
    """Wait for the next description of the peer."""
    return SessionDescription(**(await peer.hear("description"))["description"])


@asynccontextmanager
async def trickling(pc: PeerConnection, peer: ThirdPartyPeer) -> AsyncIterator[asyncio.Event]:
    """Trickle candidates both ways while the event says that both ends have descriptions."""
    ready = asyncio.Event()
    steps: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()

    def ours(event: IceCandidateEvent) -> None:
        if event.candidate is not None and event.candidate.candidate:
            fields = {name: getattr(event.candidate, name) for name in _CANDIDATE_FIELDS}
            steps.put_nowait(lambda: peer.tell("candidate", candidate=fields))

    def theirs(line: Line) -> None:
        candidate = IceCandidate(line["candidate"], line.get("sdpMid"), line.get("sdpMLineIndex"))
        steps.put_nowait(lambda: pc.addIceCandidate(candidate))

    async def carry() -> None:
        while True:
            step = await steps.get()
            await ready.wait()
            await step()

    pc.on("icecandidate", ours)
    peer.on_candidate = theirs
    carrier = asyncio.create_task(carry())
    try:
        yield ready
    finally:
        carrier.cancel()
        await asyncio.wait([carrier])
        if not carrier.cancelled():
            carrier.result()
