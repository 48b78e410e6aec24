"""Candidates of the peer come one by one, by their fields, also before its description."""

from __future__ import annotations

import asyncio
import re

import pytest

import peer.compat as aiortc
from tests.support.clock.deadline import DEADLINE
from tests.support.compat.pairs import connected, connection

_CANDIDATES = re.compile(r"a=(candidate:.*|end-of-candidates)\r\n")


def without_candidates(
    description: aiortc.RTCSessionDescription,
) -> aiortc.RTCSessionDescription:
    return aiortc.RTCSessionDescription(_CANDIDATES.sub("", description.sdp), type=description.type)


def candidates(pc: aiortc.RTCPeerConnection) -> list[aiortc.RTCIceCandidate]:
    assert pc.sctp is not None
    found = pc.sctp.transport.transport.iceGatherer.getLocalCandidates()
    for each in found:
        each.sdpMid = pc.sctp.mid
    return found


async def test_compat_connection_is_completed_without_an_end_of_candidates() -> None:
    caller, callee = connection(), connection()
    caller.createDataChannel("chat")
    await caller.setLocalDescription()
    await callee.setRemoteDescription(without_candidates(caller.localDescription))
    await callee.setLocalDescription()
    await caller.setRemoteDescription(without_candidates(callee.localDescription))

    for pc, other in ((caller, callee), (callee, caller)):
        for candidate in candidates(other):
            await pc.addIceCandidate(candidate)

    await asyncio.gather(connected(caller), connected(callee))
    assert (caller.iceConnectionState, callee.iceConnectionState) == ("completed", "completed")
    await asyncio.gather(caller.close(), callee.close())


async def test_compat_answerer_is_completed_by_a_nomination_after_its_first_check() -> None:
    caller, callee = connection(), connection()
    caller.createDataChannel("chat")
    await caller.setLocalDescription()
    text = caller.localDescription.sdp.replace("a=end-of-candidates\r\n", "")
    works = asyncio.Event()

    @callee.peer.on("connectionstatechange")
    def on_state() -> None:
        if callee.peer.connectionState == "connected":
            works.set()

    await callee.setRemoteDescription(aiortc.RTCSessionDescription(text, "offer"))
    await callee.setLocalDescription()
    async with asyncio.timeout(DEADLINE):
        await works.wait()
    assert (callee.iceConnectionState, callee.connectionState) == ("checking", "connecting")

    await caller.setRemoteDescription(callee.localDescription)

    await asyncio.gather(connected(caller), connected(callee))
    assert callee.iceConnectionState == "completed"
    await asyncio.gather(caller.close(), callee.close())


async def test_compat_candidates_before_the_description_are_used_with_it() -> None:
    caller, callee = connection(), connection()
    caller.createDataChannel("chat")
    await caller.setLocalDescription()

    for candidate in candidates(caller):
        await callee.addIceCandidate(candidate)
    await callee.setRemoteDescription(without_candidates(caller.localDescription))
    await callee.setLocalDescription()
    await caller.setRemoteDescription(without_candidates(callee.localDescription))

    await asyncio.gather(connected(caller), connected(callee))
    await asyncio.gather(caller.close(), callee.close())


async def test_compat_candidate_of_no_section_is_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caller, callee = connection(), connection()
    caller.createDataChannel("chat")
    await caller.setLocalDescription()
    await callee.setRemoteDescription(caller.localDescription)
    (candidate, *_) = candidates(caller)
    candidate.sdpMid = "another"

    await callee.addIceCandidate(candidate)

    assert "a candidate is passed over" in caplog.text
    await asyncio.gather(caller.close(), callee.close())


async def test_compat_candidate_that_names_no_section_is_refused() -> None:
    pc = connection()
    candidate = aiortc.RTCIceCandidate(
        component=1,
        foundation="0",
        ip="192.0.2.7",
        port=33543,
        priority=2122252543,
        protocol="udp",
        type="host",
    )

    with pytest.raises(ValueError, match="must have either sdpMid or sdpMLineIndex"):
        await pc.addIceCandidate(candidate)
    await pc.close()
