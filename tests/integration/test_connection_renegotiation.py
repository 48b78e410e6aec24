"""A session that changes: what goes, what takes its place, and what carries it then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peer.runtime.transport_statistics import TransportStats
from tests.support.negotiation.connection_media import (
    BLUE,
    GREEN,
    RED,
    ColourTrack,
    ToneTrack,
    sees,
)
from tests.support.negotiation.connections import (
    answer,
    both_connected,
    connect,
    exchange,
    expected,
    local,
    offer,
    only,
    opened,
    pair,
    sections,
    within,
)

if TYPE_CHECKING:
    from peer import PeerConnection


async def test_the_place_of_a_stopped_m_section_is_used_again() -> None:
    async with pair() as (left, right):
        first = left.addTransceiver("audio")
        left.addTransceiver("video")
        await connect(left, right)
        mid = first.mid
        await first.stop()
        await exchange(left, right)

        following = left.addTrack(ColourTrack(BLUE))
        coming = expected(right, "track")
        await exchange(left, right)

        assert [text.split()[0] for text in sections(left)] == ["video", "video"]
        assert next(t.mid for t in left.getTransceivers() if t.sender is following) not in (
            mid,
            None,
        )
        await sees((await within(coming)).track, BLUE)


async def test_the_answerer_uses_the_place_of_what_it_refused() -> None:
    async with pair() as (left, right):
        await refuse_sound(left, right)

        right.addTrack(ColourTrack(GREEN))
        coming = expected(left, "track")
        await connect(right, left)

        assert [text.split()[0] for text in sections(left)] == ["video", "application"]
        await sees((await within(coming)).track, GREEN)


async def test_the_offerer_uses_the_place_of_what_was_refused() -> None:
    async with pair() as (left, right):
        await refuse_sound(left, right)

        left.addTrack(ColourTrack(GREEN))
        coming = expected(right, "track")
        await connect(left, right)

        assert [text.split()[0] for text in sections(left)] == ["video", "application"]
        await sees((await within(coming)).track, GREEN)


async def refuse_sound(left: PeerConnection, right: PeerConnection) -> None:
    """An exchange in which sound is offered with a codec that the answerer does not want."""
    left.addTransceiver("audio").setCodecPreferences(["audio/PCMU"])
    left.createDataChannel("x")
    await offer(left, right)
    only(right).setCodecPreferences(["audio/opus"])
    await answer(right, left)


async def test_a_transceiver_that_is_stopped_in_the_middle_of_its_first_offer() -> None:
    async with pair() as (left, right):
        left.createDataChannel("x")
        transceiver = left.addTransceiver("audio")
        needed = expected(left, "negotiationneeded")
        setting = asyncio.create_task(left.setLocalDescription())
        await asyncio.sleep(0)
        await transceiver.stop()
        await setting
        await right.setRemoteDescription(local(left))
        await answer(right, left)
        await within(needed)
        await connect(left, right)

        assert left.getTransceivers() == right.getTransceivers() == []
        assert [text.split()[1] == "0" for text in sections(left)] == [True, False]


async def test_a_transceiver_that_is_stopped_before_there_is_a_connection() -> None:
    async with pair() as (left, right):
        channel = left.createDataChannel("x")
        left.addTrack(ToneTrack(440))
        await exchange(left, right)
        for each in (*left.getTransceivers(), *right.getTransceivers()):
            await each.stop()
        await both_connected(left, right)

        await opened(channel)


async def test_an_offer_may_take_away_all_that_the_bundle_carries() -> None:
    async with pair() as (left, right):
        former = left.addTransceiver("audio")
        await connect(left, right)
        await former.stop()
        channel = left.createDataChannel("on a transport of its own")
        await connect(left, right)

        await opened(channel)
        assert len(await transports(left)) == len(await transports(right)) == 1


async def test_the_bundle_stays_on_its_transport_where_its_first_m_section_is_refused() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio")
        await connect(left, right)
        (before,) = await transports(left)
        await only(right).stop()
        left.addTrack(ColourTrack(BLUE))
        coming = expected(right, "track")
        await connect(left, right)

        assert [each.id for each in await transports(left)] == [before.id]
        await sees((await within(coming)).track, BLUE)


async def test_a_track_that_the_peer_does_not_want_asks_for_nothing_more() -> None:
    async with pair() as (left, right):
        left.addTransceiver("video", direction="inactive")
        await exchange(left, right)
        right.addTrack(ColourTrack(RED))
        await exchange(right, left)
        needed = [expected(pc, "negotiationneeded") for pc in (left, right)]
        await exchange(left, right)
        await asyncio.sleep(0)

        assert [each.done() for each in needed] == [False, False]
        assert only(right).direction == "sendrecv"
        assert only(right).currentDirection == "inactive"


async def test_refused_m_section_can_be_offered_again() -> None:
    async with pair() as (left, right):
        await refuse_sound(left, right)
        for _ in range(3):
            left.addTrack(ToneTrack(440))
            await connect(left, right)

        assert len(left.getTransceivers()) == len(right.getTransceivers()) == 3
        assert len(sections(left)) == 4


async def transports(pc: PeerConnection) -> list[TransportStats]:
    return [each for each in (await pc.getStats()).values() if isinstance(each, TransportStats)]
