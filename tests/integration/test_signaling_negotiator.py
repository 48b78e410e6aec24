"""Perfect negotiation between real PeerConnections."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from functools import partial
from typing import TYPE_CHECKING

import pytest

from peer import PeerConnection
from signaling import (
    Answer,
    Candidate,
    Channel,
    Error,
    ErrorCode,
    Negotiator,
    Offer,
    channel_pair,
    connect,
)
from signaling.server import create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import (
    both_connected,
    happened,
    loopback,
    opened,
    pair,
    reached,
    says,
)
from tests.support.negotiation.negotiating import End, Tap, negotiating
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer.transceiver import RtpTransceiver
    from signaling import PeerMessage

ROUNDS = 50


@pytest.mark.parametrize("polite_first", [True, False])
async def test_two_peers_connect_whoever_offers(polite_first: bool) -> None:
    async with negotiating(*channel_pair(), polite_first=polite_first) as (left, right):
        channel = left.pc.createDataChannel("chat")
        other = (await happened(right.pc, "datachannel")).channel
        await opened(channel)
        await says(channel, "hello", other)


async def test_two_peers_connect_through_the_room_server() -> None:
    async with serve(create_app()) as base:
        first, second = await asyncio.gather(
            connect(f"{base}/ws", room="r"), connect(f"{base}/ws", room="r")
        )
        async with first, second, negotiating(first, second, polite_first=first.polite) as ends:
            left, right = ends
            channel = left.pc.createDataChannel("chat")
            other = (await happened(right.pc, "datachannel")).channel
            await opened(channel)
            await says(channel, "hello", other)


@pytest.mark.parametrize("polite_first", [True, False])
async def test_two_peers_that_offer_at_once_connect(polite_first: bool) -> None:
    first, second = channel_pair(delay=0.005)
    async with negotiating(first, second, polite_first=polite_first) as (left, right):
        left.pc.addTransceiver("audio")
        right.pc.addTransceiver("video")
        await both_connected(left.pc, right.pc)
        for end in (left, right):
            await reached(end.pc, "signalingstatechange", partial(settled, end, 2))
        assert mids(left) == mids(right)
        # The offers did cross.
        assert left.count(Offer) + right.count(Offer) > left.count(Answer) + right.count(Answer)


def settled(end: End, transceivers: int) -> bool:
    current = [transceiver.currentDirection for transceiver in end.pc.getTransceivers()]
    return (
        end.pc.signalingState == "stable" and len(current) == transceivers and None not in current
    )


def agree(end: End, transceiver: RtpTransceiver, direction: str) -> bool:
    return end.pc.signalingState == "stable" and transceiver.currentDirection == direction


def mids(end: End) -> set[tuple[str | None, str]]:
    return {(each.mid, each.kind) for each in end.pc.getTransceivers()}


@pytest.mark.parametrize("polite_first", [True, False])
@pytest.mark.parametrize("delay", [0.0, 0.002])
async def test_many_changes_on_both_sides_at_once_end_in_one_session(
    polite_first: bool, delay: float
) -> None:
    first, second = channel_pair(delay=delay)
    async with negotiating(first, second, polite_first=polite_first) as (left, right):
        left.pc.addTransceiver("audio")
        await both_connected(left.pc, right.pc)
        await reached(right.pc, "signalingstatechange", partial(settled, right, 1))
        ours, theirs = left.pc.getTransceivers()[0], right.pc.getTransceivers()[0]
        directions = itertools.cycle(
            [
                (("sendrecv", "sendrecv"), ("sendrecv", "sendrecv")),
                (("sendonly", "sendrecv"), ("sendonly", "recvonly")),
                (("sendrecv", "sendonly"), ("recvonly", "sendonly")),
                (("inactive", "recvonly"), ("inactive", "inactive")),
            ]
        )
        for wished, expected in itertools.islice(directions, ROUNDS):
            ours.direction, theirs.direction = wished
            for end, transceiver, direction in zip(
                (left, right), (ours, theirs), expected, strict=True
            ):
                agreed = partial(agree, end, transceiver, direction)
                await reached(end.pc, "signalingstatechange", agreed)
        answers = left.count(Answer) + right.count(Answer)
        offers = left.count(Offer) + right.count(Offer)
        assert answers >= ROUNDS / 2
        if delay:
            assert offers > answers
        assert left.pc.connectionState == right.pc.connectionState == "connected"


@contextlib.asynccontextmanager
async def with_a_stranger() -> AsyncIterator[tuple[End, Channel]]:
    """A peer that is connected, and the end of its channel for a test to misbehave at."""
    ours, theirs = channel_pair()
    async with pair() as (pc, other):
        end = End(pc, Tap(ours), polite=True)
        running = asyncio.create_task(end.run())
        pc.addTransceiver("audio")
        offer = await theirs.receive()
        assert isinstance(offer, Offer)
        await other.setRemoteDescription(offer.session_description)
        await other.setLocalDescription()
        await other.gathering_complete()
        assert other.localDescription is not None
        await theirs.send(Answer(sdp=other.localDescription.sdp))
        await both_connected(pc, other)
        yield end, theirs
        assert not running.done()
        await theirs.close()
        await running


async def next_error(channel: Channel) -> Error:
    async for message in channel:
        if isinstance(message, Error):
            return message
    raise AssertionError("the channel was closed")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (Offer(sdp="nonsense"), ErrorCode.BAD_DESCRIPTION),
        (Offer(sdp=""), ErrorCode.BAD_DESCRIPTION),
        (Offer(sdp="v=0\r\n" * 60_000), ErrorCode.BAD_DESCRIPTION),
        (Answer(sdp="nonsense"), ErrorCode.UNEXPECTED),
        (Candidate(candidate="nonsense", sdpMid="0"), ErrorCode.BAD_CANDIDATE),
        (
            Candidate(candidate="candidate:1 1 udp 1 127.0.0.1 9 typ host", sdpMid="none"),
            ErrorCode.BAD_CANDIDATE,
        ),
    ],
    ids=["no sdp", "empty", "too large", "no offer open", "bad candidate", "no such m-section"],
)
async def test_invalid_message_of_a_peer_is_reported_and_changes_nothing(
    message: PeerMessage, code: ErrorCode
) -> None:
    async with with_a_stranger() as (end, stranger):
        before = (end.pc.signalingState, end.pc.localDescription, end.pc.remoteDescription)
        await stranger.send(message)
        assert (await next_error(stranger)).code is code
        assert before == (
            end.pc.signalingState,
            end.pc.localDescription,
            end.pc.remoteDescription,
        )
        assert len(end.errors) == 1
        assert end.pc.connectionState == "connected"


async def test_closing_the_connection_ends_the_negotiation() -> None:
    ours, _ = channel_pair()
    async with PeerConnection(loopback()) as pc:
        running = asyncio.create_task(Negotiator(pc, ours, polite=True).run())
        pc.createDataChannel("chat")
        await happened(pc, "signalingstatechange")
        await pc.close()
        async with asyncio.timeout(DEADLINE):
            await running


async def test_a_negotiation_that_is_cancelled_leaves_the_connection_as_it_is() -> None:
    ours, _ = channel_pair()
    async with PeerConnection(loopback()) as pc:
        before = asyncio.all_tasks()
        running = asyncio.create_task(Negotiator(pc, ours, polite=True).run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait((running,))
        assert running.cancelled()
        assert asyncio.all_tasks() == before
        assert pc.signalingState == "stable"


async def test_the_order_of_set_up_does_not_matter() -> None:
    first, second = channel_pair()
    async with pair() as (left, right):
        left.createDataChannel("chat")
        # Long after the need arose.
        for _ in range(20):
            await asyncio.sleep(0)
        ends = (End(left, Tap(first), polite=True), End(right, Tap(second), polite=False))
        running = [asyncio.create_task(end.run()) for end in ends]
        await both_connected(left, right)
        await first.close()
        await asyncio.gather(*running)
