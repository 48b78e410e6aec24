"""When a failed connection restarts ICE, and when it stops trying, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from peer.states import IceConnectionState, SignalingState
from signaling import NegotiationError, Offer
from signaling.ice_recovery import MAX_RESTARTS, IceRecovery
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.stand_in import Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Restarting:
    """A connection whose ICE fails on request, with the times of its restarts."""

    def __init__(self) -> None:
        self.signalingState = SignalingState.STABLE
        self.iceConnectionState = IceConnectionState.CONNECTED
        self.restarts: list[float] = []
        self.given_up: list[NegotiationError] = []
        self.recovery: IceRecovery

    def restartIce(self) -> None:
        self.restarts.append(asyncio.get_running_loop().time())

    async def becomes(self, state: IceConnectionState) -> None:
        self.iceConnectionState = state
        self.recovery.on_state()
        await asyncio.sleep(0)

    async def fails_again(self) -> None:
        """The restart is answered, and its checks lead nowhere."""
        await self.becomes(IceConnectionState.CHECKING)
        await self.becomes(IceConnectionState.FAILED)


@contextlib.asynccontextmanager
async def recovering(*, polite: bool = False) -> AsyncIterator[Restarting]:
    pc = Restarting()
    pc.recovery = IceRecovery(pc, polite=polite, on_given_up=pc.given_up.append)
    running = asyncio.create_task(pc.recovery.run())
    yield pc
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


@in_virtual_time
async def test_ice_is_restarted_a_second_after_it_failed() -> None:
    async with recovering() as pc:
        failed = asyncio.get_running_loop().time()
        await pc.becomes(IceConnectionState.FAILED)
        await asyncio.sleep(30)
        assert pc.restarts == [failed + 1]


@in_virtual_time
async def test_the_polite_peer_waits_for_the_offer_of_the_impolite_one() -> None:
    async with recovering(polite=True) as pc:
        await pc.becomes(IceConnectionState.FAILED)
        await asyncio.sleep(4)
        await pc.becomes(IceConnectionState.CHECKING)
        await asyncio.sleep(30)
        assert pc.restarts == []


@in_virtual_time
async def test_the_polite_peer_restarts_ice_where_no_offer_comes() -> None:
    async with recovering(polite=True) as pc:
        await pc.becomes(IceConnectionState.FAILED)
        await asyncio.sleep(6)
        assert len(pc.restarts) == 1


@in_virtual_time
async def test_ice_is_not_restarted_in_the_middle_of_an_exchange() -> None:
    async with recovering() as pc:
        pc.signalingState = SignalingState.HAVE_REMOTE_OFFER
        await pc.becomes(IceConnectionState.FAILED)
        await asyncio.sleep(30)
        assert pc.restarts == []
        # The exchange was a restart of the peer's.
        pc.signalingState = SignalingState.STABLE
        await pc.becomes(IceConnectionState.CHECKING)
        await asyncio.sleep(30)
        assert pc.restarts == []


@in_virtual_time
async def test_a_restart_without_an_answer_is_waited_for() -> None:
    async with recovering() as pc:
        await pc.becomes(IceConnectionState.FAILED)
        await asyncio.sleep(1000)
        assert len(pc.restarts) == 1


@in_virtual_time
async def test_the_delay_doubles_up_to_a_minute_and_ten_restarts_are_all() -> None:
    async with recovering() as pc:
        failures = []
        await pc.becomes(IceConnectionState.FAILED)
        for _ in range(MAX_RESTARTS):
            failures.append(asyncio.get_running_loop().time())
            await asyncio.sleep(100)
            await pc.fails_again()
        await asyncio.sleep(1000)
        delays = [at - failed for at, failed in zip(pc.restarts, failures, strict=True)]
        assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
        assert [str(error) for error in pc.given_up] == [
            "ICE has failed after 10 restarts in a row"
        ]


@pytest.mark.parametrize("restarts", [1, MAX_RESTARTS])
def test_a_connection_that_was_up_again_starts_anew(restarts: int) -> None:
    @in_virtual_time
    async def test() -> None:
        async with recovering() as pc:
            await pc.becomes(IceConnectionState.FAILED)
            for _ in range(restarts):
                await asyncio.sleep(100)
                await pc.fails_again()
            await pc.becomes(IceConnectionState.CONNECTED)
            await asyncio.sleep(100)
            failed = asyncio.get_running_loop().time()
            await pc.becomes(IceConnectionState.FAILED)
            await asyncio.sleep(100)
            assert pc.restarts[-1] == failed + 1

    test()


@in_virtual_time
async def test_the_negotiator_offers_a_restart_where_ice_failed() -> None:
    scene = Scene(polite=False)
    await asyncio.sleep(0)
    scene.pc.iceConnectionState = IceConnectionState.FAILED
    scene.pc.emit("iceconnectionstatechange")
    await scene.hears(Offer)
    assert scene.pc.applied == ["restart", "local"]
    await scene.peer.close()
    await scene.running


@in_virtual_time
async def test_a_new_negotiator_restarts_ice_that_failed_before_it() -> None:
    scene = Scene(polite=False)
    scene.pc.iceConnectionState = IceConnectionState.FAILED
    await scene.hears(Offer)
    assert scene.pc.applied == ["restart", "local"]
    await scene.peer.close()
    await scene.running


@in_virtual_time
async def test_restart_that_has_found_no_path_in_ten_seconds_is_followed_by_another() -> None:
    async with recovering() as pc:
        await pc.becomes(IceConnectionState.FAILED)
        await asyncio.sleep(2)
        await pc.becomes(IceConnectionState.CHECKING)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(35)
        assert [at - began for at in pc.restarts[1:]] == [10, 20, 30]
        await pc.becomes(IceConnectionState.CONNECTED)
        await asyncio.sleep(60)
        assert len(pc.restarts) == 4


@in_virtual_time
async def test_restarts_without_a_path_wait_for_the_exchange_and_are_bounded() -> None:
    async with recovering() as pc:
        await pc.becomes(IceConnectionState.FAILED)
        await asyncio.sleep(2)
        pc.signalingState = SignalingState.HAVE_LOCAL_OFFER
        await pc.becomes(IceConnectionState.CHECKING)
        await asyncio.sleep(60)
        assert len(pc.restarts) == 1
        pc.signalingState = SignalingState.STABLE
        await pc.becomes(IceConnectionState.CHECKING)
        await asyncio.sleep(600)
        assert len(pc.restarts) == MAX_RESTARTS


@in_virtual_time
async def test_peer_whose_restart_is_under_way_restarts_nothing_itself() -> None:
    async with recovering(polite=True) as pc:
        await pc.becomes(IceConnectionState.FAILED)
        await asyncio.sleep(2)
        await pc.becomes(IceConnectionState.CHECKING)
        await asyncio.sleep(60)
        assert pc.restarts == []
