"""An answer that a person carries, 45 s after it was made, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer import DtlsError, IceError
from peer.configuration import AnswerRole
from tests.support.captures.captured_call import Call, call
from tests.support.captures.wire import Captured, Side
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connections import both_connected, loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer import SessionDescription
    from tests.support.captures.wire import Fate

#: Seconds until the offerer has the answer.
LATE = 45.0


def silent(_: Captured) -> Iterable[bytes]:
    """What Firefox does that has no answer yet: nothing."""
    return ()


def answers_checks(datagram: Captured) -> Iterable[bytes]:
    """What libwebrtc does that has no answer yet: it answers checks, and reads no DTLS."""
    if datagram.is_stun:
        yield datagram.data


def without_end(sdp: str) -> str:
    return sdp.replace("a=end-of-candidates\r\n", "")


async def answered(between: Call, offerer: Fate) -> SessionDescription:
    """Make an answer that is still on its way, for an offerer that acts like this meanwhile."""
    between.wire.fate = offerer
    between.offerer.createDataChannel("x")
    await between.offer()
    return await between.make_answer()


@pytest.mark.parametrize("role", list(AnswerRole))
@pytest.mark.parametrize("offerer", [silent, answers_checks])
def test_an_answer_that_is_late_by_45_s_still_connects(role: AnswerRole, offerer: Fate) -> None:
    @in_virtual_time
    async def run() -> None:
        async with call(None, loopback(answer_role=role)) as between:
            answer = await answered(between, offerer)
            await asyncio.sleep(LATE)
            waiting = between.answerer.connectionState
            between.wire.fate = lambda datagram: (datagram.data,)
            await between.offerer.setRemoteDescription(answer)
            await both_connected(between.offerer, between.answerer)

            assert waiting == "connecting"

    run()


@pytest.mark.parametrize("offerer", [silent, answers_checks])
def test_the_configuration_bounds_the_wait_for_a_peer_without_our_answer(offerer: Fate) -> None:
    @in_virtual_time
    async def run() -> None:
        async with call(None, loopback(connect_timeout=100.0)) as between:
            begun = asyncio.get_running_loop().time()
            await answered(between, offerer)
            with pytest.raises((IceError, DtlsError), match="our answer may not have reached it"):
                await between.answerer.connected()

            assert asyncio.get_running_loop().time() - begun == pytest.approx(100, abs=1)

    run()


@in_virtual_time
async def test_close_ends_the_wait_for_a_peer_without_our_answer() -> None:
    async with call() as between:
        await answered(between, answers_checks)
        await asyncio.sleep(LATE)
        await between.answerer.close()
        sent = len(list(between.wire.of(Side.ANSWERER)))
        await asyncio.sleep(LATE)

        assert between.answerer.connectionState == "closed"
        assert len(list(between.wire.of(Side.ANSWERER))) == sent


@in_virtual_time
async def test_dtls_of_a_peer_that_has_our_answer_is_waited_for_30_s_only() -> None:
    async with call() as between:
        between.wire.fate = answers_checks
        between.offerer.createDataChannel("x")
        begun = asyncio.get_running_loop().time()
        await between.exchange()
        with pytest.raises(DtlsError, match="no answer to our ClientHello within 30 s"):
            await between.answerer.connected()

        # The clock begins with the offerer's first check, which comes after a second or so.
        assert asyncio.get_running_loop().time() - begun == pytest.approx(31, abs=1)


@in_virtual_time
async def test_an_offerer_without_a_path_fails_39_5_s_after_the_end_of_candidates() -> None:
    async with call() as between:
        between.wire.fate = silent
        between.offerer.createDataChannel("x")
        await between.offer()
        await between.offerer.setRemoteDescription(await between.make_answer(without_end))
        await asyncio.sleep(LATE)
        waiting = between.offerer.connectionState
        begun = asyncio.get_running_loop().time()
        await between.offerer.addIceCandidate(None)
        with pytest.raises(IceError, match=r"no check has succeeded within 39\.5 s"):
            await between.offerer.connected()

        assert waiting == "connecting"
        # RFC 8863 section 4.
        assert asyncio.get_running_loop().time() - begun == pytest.approx(39.5, abs=0.5)


@in_virtual_time
async def test_checks_go_on_so_that_our_nat_lets_the_late_offerer_in() -> None:
    async with call() as between:
        await answered(between, silent)
        gaps, sent = [], 0
        for _ in range(6):
            await asyncio.sleep(LATE)
            gaps.append(len(between.wire.log) - sent)
            sent = len(between.wire.log)

        assert all(gaps), gaps
        # Nor is the path flooded: one check is seven datagrams in a minute.
        assert sent < 60
