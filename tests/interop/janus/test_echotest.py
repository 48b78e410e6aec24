"""Calls with Janus's echo test, which answers every offer and sends back what it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer import ConnectionState
from tests.support.negotiation.connections import direct, reached, within
from tests.support.peers.janus_calls import echo_call, small_video

if TYPE_CHECKING:
    from tests.support.peers.janus import JanusSession

pytestmark = [pytest.mark.needs("janus"), pytest.mark.xdist_group("peer-janus")]

TIMES = 10


def directions(sdp: str) -> list[str]:
    known = {"sendrecv", "sendonly", "recvonly", "inactive"}
    lines = [line.removeprefix("a=") for line in sdp.splitlines()]
    return [line for line in lines if line in known]


def ufrag(sdp: str) -> str:
    return next(line for line in sdp.splitlines() if line.startswith("a=ice-ufrag:"))


async def test_janus_sends_back_sound_pictures_and_messages(janus: JanusSession) -> None:
    async with echo_call(janus) as call:
        assert await call.echo("hello") == "Janus EchoTest here! You wrote: hello"
        (security,) = call.pc.security.transports
        assert security.verified


@pytest.mark.parametrize("direction", ["inactive", "sendonly"])
async def test_janus_is_silent_on_hold_and_sends_again_after_it(
    janus: JanusSession, direction: str
) -> None:
    async with echo_call(janus) as call:
        for _ in range(3):
            direct(call.pc, direction)
            held = await call.offer()
            answered = {"inactive": "inactive", "sendonly": "recvonly"}[direction]
            assert directions(held.sdp)[:2] == [answered] * 2
            await call.echo("what was on its way has come")
            assert await call.silence() == 0
            direct(call.pc, "sendrecv")
            await call.offer()
            await call.flow("0", "1")
        assert call.handshakes == 1


async def test_tracks_added_and_removed_ten_times_come_back_from_janus(janus: JanusSession) -> None:
    async with echo_call(janus) as call:
        for _ in range(TIMES):
            sender = call.pc.addTrack(small_video())
            await call.offer()
            (added,) = (each for each in call.pc.getTransceivers() if each.sender is sender)
            assert added.mid is not None
            await call.flow("0", "1", added.mid, count=3)
            call.pc.removeTrack(sender)
            await call.offer()
            await call.flow("0", "1", count=3)
        # W3C webrtc-pc section 5.1: no sender that has sent is taken for another track.
        assert len(call.pc.getTransceivers()) == 2 + TIMES
        assert call.handshakes == 1


async def test_recycled_m_section_that_janus_answers_with_the_old_mid_is_taken_by_its_place(
    janus: JanusSession,
) -> None:
    async with echo_call(janus) as call:
        first = call.pc.addTransceiver(small_video())
        await call.offer()
        await first.stop()
        await call.offer()
        second = call.pc.addTransceiver(small_video())
        answer = await call.offer()
        assert "a=mid:3" in answer.sdp.splitlines()
        assert (second.mid, second.currentDirection) == ("4", "sendrecv")
        # Janus itself looks for that mid in the packets, and sends none of these back.
        await call.flow("0", "1")
        assert call.handshakes == 1


async def test_ice_restarts_towards_janus_keep_its_association(janus: JanusSession) -> None:
    async with echo_call(janus) as call:
        seen = []
        for _ in range(3):
            call.pc.restartIce()
            seen.append(ufrag((await call.offer()).sdp))
            await call.flow("0", "1")
        assert len(set(seen)) == 3
        assert call.handshakes == 1


async def test_rekey_with_janus_says_that_it_kept_its_association(janus: JanusSession) -> None:
    async with echo_call(janus) as call:
        result = await call.rekey()
        await call.flow("0", "1")
        await call.offer()
        await call.flow("0", "1")
    assert not result.changed
    assert "the peer kept its association" in result.reason
    assert call.handshakes == 1


async def test_connection_is_disconnected_at_once_when_janus_hangs_up(janus: JanusSession) -> None:
    async with echo_call(janus) as call:
        await call.handle.hang_up()
        await reached(
            call.pc,
            "connectionstatechange",
            lambda: call.pc.connectionState is ConnectionState.DISCONNECTED,
        )
        # Silence alone makes ICE, too, lose its path.
        assert call.pc.iceConnectionState != "disconnected"


async def test_janus_hears_of_our_close_from_dtls(janus: JanusSession) -> None:
    async with echo_call(janus) as call:
        await call.pc.close()
        assert await within(call.handle.hung_up) == "DTLS alert"
