"""Candidates on their way in and out: trickled, complete, early, late and wrong."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from peer import (
    CandidateError,
    IceCandidate,
    IceConnectionState,
    InvalidStateError,
    PeerConnection,
    SessionDescription,
)
from tests.support.negotiation.connection_state import refused
from tests.support.negotiation.connections import (
    both_connected,
    connected_pair,
    exchange,
    local,
    loopback,
    offer,
    pair,
    reached,
    trickling,
    within,
    without_candidates,
)

GOOD = "candidate:1 1 udp 2122260223 127.0.0.1 9 typ host"


async def exchange_bare(offerer: PeerConnection, answerer: PeerConnection) -> None:
    """One exchange of descriptions that have no candidates."""
    await offerer.setLocalDescription()
    await answerer.setRemoteDescription(without_candidates(local(offerer)))
    await answerer.setLocalDescription()
    await offerer.setRemoteDescription(without_candidates(local(answerer)))


async def remote_offer(pc: PeerConnection) -> SessionDescription:
    """An offer of another peer, set on `pc`."""
    async with PeerConnection(loopback()) as offerer:
        offerer.addTransceiver("audio")
        offerer.createDataChannel("x")
        await offerer.setLocalDescription()
        description = without_candidates(local(offerer))
    await pc.setRemoteDescription(description)
    return description


async def completed(pc: PeerConnection) -> None:
    await reached(
        pc,
        "iceconnectionstatechange",
        lambda: pc.iceConnectionState is IceConnectionState.COMPLETED,
    )


async def test_candidates_trickle_both_ways_to_their_end() -> None:
    async with (
        pair() as (offerer, answerer),
        trickling(offerer, answerer) as there,
        trickling(answerer, offerer) as back,
    ):
        offerer.createDataChannel("x")
        await exchange_bare(offerer, answerer)
        await both_connected(offerer, answerer)
        await asyncio.gather(completed(offerer), completed(answerer))

        for handed in (there, back):
            ends = [candidate and bool(candidate.candidate) for candidate in handed]
            assert ends == [True, False, None]


@pytest.mark.parametrize("way", ["to the answerer", "to the offerer"])
async def test_candidates_of_one_side_are_enough(way: str) -> None:
    async with AsyncExitStack() as stack:
        offerer, answerer = await stack.enter_async_context(pair())
        ends = (offerer, answerer) if way == "to the answerer" else (answerer, offerer)
        await stack.enter_async_context(trickling(*ends))
        offerer.createDataChannel("x")

        await exchange_bare(offerer, answerer)

        await both_connected(offerer, answerer)


async def test_a_description_that_was_waited_for_is_enough() -> None:
    async with pair() as (offerer, answerer):
        offerer.createDataChannel("x")
        await offerer.setLocalDescription()
        await within(offerer.gathering_complete())
        await answerer.setRemoteDescription(local(offerer))
        await answerer.setLocalDescription()
        await within(answerer.gathering_complete())
        await offerer.setRemoteDescription(local(answerer))

        assert "a=end-of-candidates" in local(offerer).sdp
        await asyncio.gather(completed(offerer), completed(answerer))


async def test_candidates_that_come_before_the_answer_is_made_are_used() -> None:
    async with pair() as (offerer, answerer):
        offerer.createDataChannel("x")
        candidates: list[IceCandidate | None] = []
        offerer.on("icecandidate", lambda event: candidates.append(event.candidate))
        await offerer.setLocalDescription()
        await within(offerer.gathering_complete())
        await answerer.setRemoteDescription(without_candidates(local(offerer)))
        for candidate in candidates:
            await answerer.addIceCandidate(candidate)
        await answerer.setLocalDescription()
        await offerer.setRemoteDescription(without_candidates(local(answerer)))

        # The answerer's checks show the offerer where it is.
        await both_connected(offerer, answerer)


async def test_a_candidate_shows_in_the_remote_description() -> None:
    async with PeerConnection(loopback()) as pc:
        await remote_offer(pc)
        await pc.addIceCandidate(IceCandidate(GOOD, sdpMid="1"))
        await pc.addIceCandidate(IceCandidate(GOOD, sdpMLineIndex=0))
        await pc.addIceCandidate(IceCandidate(GOOD, sdpMLineIndex=0))
        await pc.addIceCandidate(IceCandidate("", sdpMid="1"))

        assert pc.remoteDescription is not None
        first, second = pc.remoteDescription.sdp.split("m=")[1:]
        assert first.count(f"a={GOOD}\r\n") == second.count(f"a={GOOD}\r\n") == 1
        assert "a=end-of-candidates" not in first
        assert "a=end-of-candidates" in second


@pytest.mark.parametrize("end", [None, IceCandidate()])
async def test_the_end_without_a_mid_is_that_of_all_m_sections(end: IceCandidate | None) -> None:
    async with PeerConnection(loopback()) as pc:
        await remote_offer(pc)
        await pc.addIceCandidate(end)

        assert pc.remoteDescription is not None
        assert pc.remoteDescription.sdp.count("a=end-of-candidates") == 2


async def test_a_candidate_of_a_kind_that_we_cannot_use_hurts_nothing() -> None:
    async with connected_pair() as (offerer, answerer, _):
        for text in (
            "candidate:1 1 tcp 2105458943 127.0.0.1 9 typ host tcptype active",
            "candidate:1 2 udp 2122260222 127.0.0.1 9 typ host",
            "candidate:1 1 udp 1 nobody.example 9 typ host",
            "candidate:1 1 udp 1 224.0.0.1 9 typ host",
        ):
            await offerer.addIceCandidate(IceCandidate(text, sdpMid="0"))

        assert offerer.connectionState == answerer.connectionState == "connected"


async def test_an_empty_mid_leaves_the_place_to_the_index() -> None:
    # So does Pion name the m-section of every candidate.
    async with PeerConnection(loopback()) as pc:
        await remote_offer(pc)
        await pc.addIceCandidate(IceCandidate(GOOD, sdpMid="", sdpMLineIndex=1))
        assert pc.remoteDescription is not None
        assert GOOD in pc.remoteDescription.sdp.partition("a=mid:1")[2]


async def test_a_candidate_needs_a_remote_description() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        async with refused(pc, InvalidStateError, "remote description"):
            await pc.addIceCandidate(IceCandidate(GOOD, sdpMid="0"))


BAD: dict[str, tuple[IceCandidate, str]] = {
    "no grammar": (IceCandidate("candidate:hello", sdpMid="0"), "eight fields"),
    "line break": (IceCandidate(f"{GOOD}\r\na=mid:7", sdpMid="0"), "candidate"),
    "too long": (IceCandidate(GOOD + " x y" * 400, sdpMid="0"), "1,024"),
    "unknown mid": (IceCandidate(GOOD, sdpMid="7"), "no m-section has the mid '7'"),
    "unknown index": (IceCandidate(GOOD, sdpMLineIndex=2), "no m-section 2"),
    "negative index": (IceCandidate(GOOD, sdpMLineIndex=-1), "no m-section -1"),
    "no place": (IceCandidate(GOOD), "sdpMid or sdpMLineIndex"),
    "other generation": (IceCandidate(GOOD, sdpMid="0", usernameFragment="abcd"), "generation"),
    "end of unknown mid": (IceCandidate("", sdpMid="7"), "no m-section has the mid '7'"),
    "end of other generation": (IceCandidate("", sdpMid="0", usernameFragment="abcd"), "abcd"),
}


@pytest.mark.parametrize(("candidate", "words"), BAD.values(), ids=BAD.keys())
async def test_a_bad_candidate_is_named_and_changes_nothing(
    candidate: IceCandidate, words: str
) -> None:
    async with PeerConnection(loopback()) as pc:
        await remote_offer(pc)
        async with refused(pc, CandidateError, words):
            await pc.addIceCandidate(candidate)


async def test_remote_candidates_beyond_the_bound_are_refused() -> None:
    async with PeerConnection(loopback(max_candidates=3)) as pc:
        await remote_offer(pc)
        for number in range(3):
            await pc.addIceCandidate(IceCandidate(GOOD.replace(" 9 ", f" {number} "), "0"))
        async with refused(pc, CandidateError, "3 candidates already"):
            await pc.addIceCandidate(IceCandidate(GOOD, "0"))


async def test_a_candidate_after_the_close_is_refused() -> None:
    pc = PeerConnection(loopback())
    await remote_offer(pc)
    await pc.close()

    with pytest.raises(InvalidStateError, match="closed"):
        await pc.addIceCandidate(IceCandidate(GOOD, sdpMid="0"))


async def test_candidates_of_what_was_bundled_away_are_not_checked() -> None:
    async with pair() as (offerer, answerer):
        offerer.addTransceiver("audio")
        offerer.addTransceiver("video")
        await exchange(offerer, answerer)
        await both_connected(offerer, answerer)
        transports = [
            each for each in (await answerer.getStats()).values() if each.type == "transport"
        ]

        # The offer has a host candidate for each of two transports; one of them is left.
        assert local(offerer).sdp.count("a=candidate") == 1
        assert len(transports) == 1
        transport = next(iter(answerer._core.executor.transports.values()))  # noqa: SLF001 - see below
        # What ICE was given shows nowhere else.
        assert len(transport.ice.remote_candidates) == 1


async def test_can_trickle_is_what_the_peer_says() -> None:
    async with PeerConnection(loopback()) as pc:
        assert pc.canTrickleIceCandidates is None
        await remote_offer(pc)
        assert pc.canTrickleIceCandidates is True


async def test_a_peer_that_does_not_say_trickle_does_not_trickle() -> None:
    async with pair() as (offerer, pc):
        offerer.createDataChannel("x")
        await offerer.setLocalDescription()
        whole = local(offerer)
        kept = [row for row in whole.sdp.splitlines(True) if not row.startswith("a=ice-options")]
        await pc.setRemoteDescription(replace(whole, sdp="".join(kept)))

        assert pc.canTrickleIceCandidates is False


async def test_gathering_complete_returns_at_once_when_it_is() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        await within(pc.gathering_complete())
        await within(pc.gathering_complete())

        assert pc.iceGatheringState == "complete"


async def test_gathering_is_complete_where_there_is_nothing_to_gather() -> None:
    async with pair() as (offerer, answerer):
        offerer.createDataChannel("x")
        await offer(offerer, answerer)
        description = local(offerer)
        refused = description.sdp.replace("m=application 9", "m=application 0")
        async with PeerConnection(loopback()) as other:
            await other.setRemoteDescription(replace(description, sdp=refused))
            await other.setLocalDescription()
            await within(other.gathering_complete())


async def test_gathering_complete_ends_with_the_connection() -> None:
    pc = PeerConnection(loopback())
    waiting = asyncio.create_task(pc.gathering_complete())
    await asyncio.sleep(0)
    await pc.close()

    with pytest.raises(InvalidStateError, match="closed"):
        await within(waiting)
