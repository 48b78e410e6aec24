"""Random sequences of calls on real PeerConnections."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from media import SyntheticAudioTrack
from peer import (
    IceCandidate,
    LocalError,
    PeerConnection,
    RemoteError,
    RtpTransceiver,
    SdpType,
    SessionDescription,
)
from signaling import Negotiator, channel_pair
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_state import snapshot, sockets, tasks
from tests.support.negotiation.connections import both_connected, loopback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

NUMBERS = st.integers(0, 7)
#: What an application wishes for, as a name and a number to choose by.
WISHES = st.tuples(
    st.sampled_from(["audio", "video", "track", "remove", "stop", "direction", "data", "wait"]),
    NUMBERS,
)
#: Descriptions, in any order, with those of another time among them.
CALLS = st.tuples(
    st.sampled_from(["offer", "answer", "pranswer", "rollback", "remote rollback", "garbled"])
    | st.sampled_from(["candidate", "end"])
    | st.sampled_from(["local", "deliver"]),
    NUMBERS,
)
SIDES = st.integers(0, 1)


def chosen(pc: PeerConnection, number: int) -> RtpTransceiver | None:
    """One of its transceivers, where it has any."""
    transceivers = pc.getTransceivers()
    return transceivers[number % len(transceivers)] if transceivers else None


async def wish(pc: PeerConnection, name: str, number: int) -> None:
    """Wish for something, or let time pass."""
    transceiver = chosen(pc, number)
    match name:
        case "audio" | "video":
            pc.addTransceiver(name, direction=DIRECTIONS[number % 4])
        case "track":
            pc.addTrack(SyntheticAudioTrack())
        case "data":
            pc.createDataChannel("x")
        case "wait":
            for _ in range(number * 5):
                await asyncio.sleep(0)
        case _ if transceiver is None:
            return
        case "remove":
            pc.removeTrack(transceiver.sender)
        case "stop":
            await transceiver.stop()
        case "direction" if transceiver.direction != "stopped":
            transceiver.direction = DIRECTIONS[number % 4]


async def call(pc: PeerConnection, other: PeerConnection, name: str, number: int) -> None:
    """Call something, whether it fits or not."""
    theirs = other.localDescription or SessionDescription("", SdpType.OFFER)
    match name:
        case "offer":
            await pc.createOffer()
        case "answer":
            await pc.createAnswer()
        case "local":
            await pc.setLocalDescription()
        case "pranswer":
            await pc.setLocalDescription(SessionDescription("", SdpType.PRANSWER))
        case "deliver":
            await pc.setRemoteDescription(theirs)
        case "garbled":
            rows = theirs.sdp.splitlines(keepends=True)
            del rows[number : number + 1]
            await pc.setRemoteDescription(replace(theirs, sdp="".join(rows)))
        case "rollback":
            await pc.setLocalDescription(SessionDescription("", SdpType.ROLLBACK))
        case "remote rollback":
            await pc.setRemoteDescription(SessionDescription("", SdpType.ROLLBACK))
        case "candidate":
            text = f"candidate:1 1 udp {number + 1} 127.0.0.1 9 typ host"
            await pc.addIceCandidate(IceCandidate(text, sdpMLineIndex=number % 3))
        case "end":
            await pc.addIceCandidate(None)


def in_a_loop(test: Callable[[], Awaitable[None]]) -> None:
    """Run in a loop of its own, which must have nothing left in the end."""

    async def main() -> None:
        before = sockets()
        await test()
        for _ in range(100):
            await asyncio.sleep(0)
        assert not tasks()
        assert sockets() == before

    asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(SIDES, WISHES), max_size=14))
def test_two_connections_agree_whatever_both_change(
    wishes: list[tuple[int, tuple[str, int]]],
) -> None:
    async def test() -> None:
        channels = channel_pair()
        ends = PeerConnection(loopback()), PeerConnection(loopback())
        runs = [
            asyncio.create_task(Negotiator(pc, channel, polite=polite).run())
            for pc, channel, polite in zip(ends, channels, (True, False), strict=True)
        ]
        for side, (name, number) in wishes:
            await wish(ends[side], name, number)
        await agreed(*ends)
        await check_agreement(*ends)
        for pc in ends:
            await pc.close()
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*runs)
        for channel in channels:
            await channel.close()

    in_a_loop(test)


async def agreed(*ends: PeerConnection) -> None:
    """Wait until nobody has wanted anything for many turns of the loop."""
    quiet = 0
    async with asyncio.timeout(DEADLINE):
        while quiet < 100:
            await asyncio.sleep(0)
            quiet = quiet + 1 if all(map(is_content, ends)) else 0


def is_content(pc: PeerConnection) -> bool:
    core = pc._core  # noqa: SLF001 - whether an event is due shows only there
    return pc.signalingState == "stable" and not core.offer_answer.negotiation_needed


async def check_agreement(left: PeerConnection, right: PeerConnection) -> None:
    by_mid = [{each.mid: each for each in pc.getTransceivers()} for pc in (left, right)]
    assert by_mid[0].keys() == by_mid[1].keys()
    reverse = {"sendonly": "recvonly", "recvonly": "sendonly"}
    for mid, mine in by_mid[0].items():
        theirs = by_mid[1][mid]
        assert mine.kind == theirs.kind
        current = mine.currentDirection or ""
        assert theirs.currentDirection == reverse.get(current, current)
    assert media(left) == media(right)
    if any(live for _, live in media(left)):
        await both_connected(left, right)


def media(pc: PeerConnection) -> list[tuple[str, bool]]:
    """Of each m-section the kind, and whether both have accepted it."""
    if pc.localDescription is None or pc.remoteDescription is None:
        return []
    halves = [d.sdp.split("m=")[1:] for d in (pc.localDescription, pc.remoteDescription)]
    return [
        (mine.split()[0], is_accepted(mine) and is_accepted(other))
        for mine, other in zip(*halves, strict=True)
    ]


def is_accepted(section: str) -> bool:
    return section.split()[1] != "0" or "a=bundle-only" in section


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(SIDES, WISHES | CALLS), max_size=20))
def test_refused_description_changes_nothing(steps: list[tuple[int, tuple[str, int]]]) -> None:
    async def test() -> None:
        ends = PeerConnection(loopback()), PeerConnection(loopback())
        for side, (name, number) in steps:
            pc, other = ends[side], ends[1 - side]
            before = snapshot(pc)
            try:
                await wish(pc, name, number)
                await call(pc, other, name, number)
            except (LocalError, RemoteError):
                assert without_ice(snapshot(pc)) == without_ice(before)
        for pc in ends:
            await pc.close()

    in_a_loop(test)


def without_ice(state: Any) -> Any:
    """Checks and gathering go on whatever is called."""
    return replace(state, states=state.states[:1], descriptions=())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SIDES, WISHES | CALLS), max_size=12), st.integers(0, 60))
def test_overlapping_operations_end_with_the_connection(
    steps: list[tuple[int, tuple[str, int]]], turns: int
) -> None:
    async def test() -> None:
        ends = PeerConnection(loopback()), PeerConnection(loopback())

        async def attempt(side: int, name: str, number: int) -> None:
            with contextlib.suppress(LocalError, RemoteError):
                await wish(ends[side], name, number)
                await call(ends[side], ends[1 - side], name, number)

        calls = [asyncio.create_task(attempt(side, *step)) for side, step in steps]
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.gather(*(pc.close() for pc in ends))
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*calls)

    in_a_loop(test)
