"""Changes of a session with a third-party peer: it is held, and gains tracks and loses them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.peers.negotiated_session import NegotiatedSession, Report

#: Seconds between two looks at the counters of both ends.
_LOOK = 0.03
#: Seconds in which nine pictures would come.
_SILENCE = 0.3


async def hold(
    session: NegotiatedSession,
    direct: Callable[[NegotiatedSession, str], Awaitable[None]],
    exchange: Callable[[], Awaitable[object]],
    direction: str = "inactive",
) -> Report:
    """Hold the call and resume it; return what came to both ends while it was held."""
    await direct(session, direction)
    await exchange()
    report = await _settled(session)
    await direct(session, "sendrecv")
    await exchange()
    await flow(session, 10)
    return report


async def _settled(session: NegotiatedSession) -> Report:
    """Count what both ends get, once twice in a row the same of them get something.

    What was on its way before a hold comes later: a peer shows pictures some time after they came.
    """
    former = await _get(session)
    async with asyncio.timeout(DEADLINE):
        while _ends(report := await _get(session)) != _ends(former):
            former = report
    return report


async def _get(session: NegotiatedSession) -> Report:
    """Count what both ends get for a moment in which the peer is there."""
    await session.reset()
    await asyncio.sleep(_SILENCE)
    assert await session.echo()
    return await session.report()


def _ends(report: Report) -> tuple[bool, bool]:
    return report.peer.count > 0, report.ours.count > 0


async def flow(session: NegotiatedSession, count: int) -> None:
    """Wait for more pictures or packets of sound at the peer, and more packets at ours.

    What watches a track at a peer with libwebrtc's own names sees no more of it after a hold, and
    the peer's statistics begin anew: where it decodes, its statistics count.
    """
    first = await session.report()
    async with asyncio.timeout(DEADLINE):
        while True:
            now = await session.report()
            if now.frames_decoded is None:
                arrived = now.peer.count - first.peer.count
            else:
                arrived = now.frames_decoded - (first.frames_decoded or 0)
            if arrived >= count and now.our_packets >= first.our_packets + count:
                return
            await asyncio.sleep(_LOOK)


async def we_direct(session: NegotiatedSession, direction: str) -> None:
    for transceiver in session.pc.getTransceivers():
        transceiver.direction = direction


async def peer_directs(session: NegotiatedSession, direction: str) -> None:
    await session.peer.tell("direct", direction=direction)


async def peer_gives_up_its_track(session: NegotiatedSession, direction: str) -> None:
    """Hold as stacks do that have no directions of their own: the track goes, and comes back."""
    if direction == "sendrecv":
        await session.peer.tell("send", kind=session.medium.value)
    else:
        await session.peer.tell("unsend")


async def our_track(session: NegotiatedSession) -> None:
    sender = session.pc.addTrack(session.new_track())
    await session.offer()
    await flow(session, 3)
    session.pc.removeTrack(sender)
    await session.offer()
    await flow(session, 3)


async def peers_track(session: NegotiatedSession) -> None:
    await session.peer.tell("send", kind=session.medium.value)
    await session.be_offered()
    await flow(session, 3)
    await session.peer.tell("unsend")
    await session.be_offered()
    await flow(session, 3)


def sections(session: NegotiatedSession) -> int:
    description = session.pc.localDescription
    assert description is not None
    return description.sdp.count("\nm=")
