"""Offers, answers, pranswers, rollbacks and glare on real connections."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer import (
    InvalidModificationError,
    InvalidStateError,
    PeerConnection,
    SdpType,
    SessionDescription,
    SetupError,
)
from tests.support.negotiation.connection_media import RED, ColourTrack, sees
from tests.support.negotiation.connection_state import eventually, refused, sockets, unchanged
from tests.support.negotiation.connections import (
    answer,
    both_connected,
    connect,
    connected_pair,
    exchange,
    expected,
    happened,
    local,
    loopback,
    offer,
    opened,
    pair,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

ROLLBACK = SessionDescription("", SdpType.ROLLBACK)


def as_type(description: SessionDescription, kind: SdpType) -> SessionDescription:
    return replace(description, type=kind)


async def test_create_offer_changes_nothing() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.createDataChannel("x")
        pc.addTransceiver("audio")
        async with unchanged(pc):
            first = await pc.createOffer()

        assert first.type == "offer"
        assert pc.localDescription is None


async def test_create_answer_changes_nothing() -> None:
    async with pair() as (left, right):
        left.createDataChannel("x")
        await offer(left, right)
        async with unchanged(right):
            description = await right.createAnswer()

        assert description.type == "answer"


async def test_descriptions_may_be_passed_or_implied() -> None:
    async with pair() as (left, right):
        channel = left.createDataChannel("x")
        await left.setLocalDescription(await left.createOffer())
        await right.setRemoteDescription(local(left))
        await right.setLocalDescription(await right.createAnswer())
        await left.setRemoteDescription(local(right))

        await opened(channel)


async def test_the_descriptions_of_an_exchange() -> None:
    async with pair() as (left, right):
        left.createDataChannel("x")
        await offer(left, right)
        assert left.pendingLocalDescription == left.localDescription
        assert left.currentLocalDescription is left.remoteDescription is None
        assert right.pendingRemoteDescription == right.remoteDescription
        assert right.currentRemoteDescription is right.localDescription is None

        await answer(right, left)
        for pc in (left, right):
            assert pc.pendingLocalDescription is pc.pendingRemoteDescription is None
            assert pc.currentLocalDescription == pc.localDescription
            assert pc.currentRemoteDescription == pc.remoteDescription
        assert left.localDescription is not None
        assert left.localDescription.type == "offer"


async def test_operations_wait_for_each_other() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.createDataChannel("x")
        order: list[str] = []

        async def noted(name: str, work: Awaitable[None]) -> None:
            await work
            order.append(name)

        await asyncio.gather(
            noted("local", pc.setLocalDescription()),
            noted("rollback", pc.setLocalDescription(ROLLBACK)),
            noted("again", pc.setLocalDescription()),
        )

        assert order == ["local", "rollback", "again"]
        assert pc.signalingState == "have-local-offer"


async def test_a_provisional_answer_connects() -> None:
    async with pair() as (left, right):
        channel = left.createDataChannel("x")
        await offer(left, right)
        created = await right.createAnswer()
        await right.setLocalDescription(as_type(created, SdpType.PRANSWER))
        await left.setRemoteDescription(local(right))

        assert right.signalingState == "have-local-pranswer"
        assert left.signalingState == "have-remote-pranswer"
        await both_connected(left, right)
        await opened(channel)

        await answer(right, left)
        assert {left.signalingState, right.signalingState} == {"stable"}
        assert channel.readyState == "open"


async def test_media_flows_from_the_provisional_answer_on() -> None:
    async with pair() as (left, right):
        coming = expected(right, "track")
        left.addTrack(ColourTrack(RED))
        await offer(left, right)
        created = await right.createAnswer()
        await right.setLocalDescription(as_type(created, SdpType.PRANSWER))
        await left.setRemoteDescription(local(right))

        await sees((await within(coming)).track, RED)


async def test_a_rollback_of_the_first_offer_gives_its_sockets_back() -> None:
    async with PeerConnection(loopback()) as pc:
        before = sockets()
        transceiver = pc.addTransceiver("audio")
        await pc.setLocalDescription()
        assert [each.mid for each in pc.getTransceivers()] == ["0"]
        assert sockets() != before
        await pc.setLocalDescription(ROLLBACK)

        assert pc.signalingState == "stable"
        assert pc.localDescription is None
        assert transceiver.mid is None
        assert pc.getTransceivers() == [transceiver]
        await eventually(lambda: sockets() == before)


async def test_a_rollback_in_a_call_leaves_the_call() -> None:
    async with connected_pair() as (left, right, channel):
        before = left.currentLocalDescription
        left.addTransceiver("video")
        await left.setLocalDescription()
        await left.setLocalDescription(ROLLBACK)

        assert left.currentLocalDescription == before
        assert left.connectionState == "connected"
        arriving = expected(left, "datachannel")
        right.createDataChannel("still there")
        await within(arriving)
        assert channel.readyState == "open"


async def test_a_rollback_of_a_remote_offer() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio")
        await offer(left, right)
        await right.setRemoteDescription(ROLLBACK)

        assert right.signalingState == "stable"
        assert right.remoteDescription is None
        assert right.getTransceivers() == []


async def test_peer_may_offer_after_a_rollback() -> None:
    async with pair() as (left, right):
        left.createDataChannel("left")
        await left.setLocalDescription()
        await left.setLocalDescription(ROLLBACK)
        right.createDataChannel("right")
        coming = expected(left, "datachannel")
        await connect(right, left)

        assert (await within(coming)).channel.label == "right"


async def test_glare_is_solved_by_an_implicit_rollback() -> None:
    async with pair() as (polite, other):
        mine = polite.addTransceiver("video")
        other.addTransceiver("audio")
        await asyncio.gather(polite.setLocalDescription(), other.setLocalDescription())
        needed = expected(polite, "negotiationneeded")

        await polite.setRemoteDescription(local(other))
        assert polite.signalingState == "have-remote-offer"
        assert [each.mid for each in polite.getTransceivers()] == [None, "0"]
        await answer(polite, other)
        await within(needed)
        await connect(polite, other)

        assert mine.mid is not None
        assert [t.kind for t in other.getTransceivers()] == ["audio", "video"]


async def test_our_own_offer_is_no_answer() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        async with refused(pc, SetupError, "a=setup:actpass"):
            await pc.setRemoteDescription(as_type(local(pc), SdpType.ANSWER))


@pytest.mark.parametrize("side", ["local", "remote"])
async def test_rollback_in_the_stable_state_is_refused(side: str) -> None:
    async with connected_pair() as (left, _, _channel):
        apply = left.setLocalDescription if side == "local" else left.setRemoteDescription
        async with refused(left, InvalidStateError, "rollback"):
            await apply(ROLLBACK)


async def test_calls_in_the_wrong_state_change_nothing() -> None:
    async with pair() as (left, right):
        left.createDataChannel("x")
        async with refused(left, InvalidStateError, "no offer to answer"):
            await left.createAnswer()
        await offer(left, right)
        async with refused(right, InvalidStateError, "no offer can be made"):
            await right.createOffer()
        async with refused(left, InvalidStateError, "no offer to answer"):
            await left.createAnswer()
        description = local(left)
        await answer(right, left)
        async with refused(left, InvalidStateError, "remote answer cannot be applied"):
            await left.setRemoteDescription(as_type(description, SdpType.ANSWER))


async def test_a_changed_description_of_ours_is_refused() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.addTransceiver("audio")
        created = await pc.createOffer()
        changed = replace(created, sdp=created.sdp.replace("opus", "OPUS"))
        async with refused(pc, InvalidModificationError, "changed after"):
            await pc.setLocalDescription(changed)


async def test_an_offer_can_be_made_again_before_its_answer() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio")
        await left.setLocalDescription()
        left.addTransceiver("video")
        await left.setLocalDescription(await left.createOffer())
        await connect_from_offer(left, right)

        assert [t.mid for t in right.getTransceivers()] == ["0", "1"]


async def connect_from_offer(left: PeerConnection, right: PeerConnection) -> None:
    await right.setRemoteDescription(local(left))
    await answer(right, left)
    await both_connected(left, right)


async def test_an_answer_to_an_earlier_offer_is_stale() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio")
        await offer(left, right)
        created = await right.createAnswer()
        left.addTransceiver("video")
        await offer(left, right)
        async with refused(right, InvalidModificationError, "stale"):
            await right.setLocalDescription(created)

        await answer(right, left)
        assert len(right.getTransceivers()) == 2


async def test_many_offers_and_answers_keep_one_association() -> None:
    async with connected_pair() as (left, right, channel):
        for number in range(6):
            offerer, answerer = (left, right) if number % 2 else (right, left)
            offerer.addTransceiver("audio" if number % 3 else "video")
            await exchange(offerer, answerer)

        assert left.connectionState == right.connectionState == "connected"
        assert len(left.getTransceivers()) == len(right.getTransceivers()) == 6
        assert channel.readyState == "open"


async def test_connected_says_at_once_what_is() -> None:
    async with connected_pair() as (left, right, _):
        await within(left.connected())
        await right.close()
        with pytest.raises(InvalidStateError, match="closed"):
            await right.connected()


async def test_connected_ends_with_the_close() -> None:
    pc = PeerConnection(loopback())
    waiting = asyncio.create_task(pc.connected())
    await asyncio.sleep(0)
    await pc.close()

    with pytest.raises(InvalidStateError, match="closed"):
        await within(waiting)


async def test_a_handler_may_answer() -> None:
    async with pair() as (left, right):

        async def respond() -> None:
            if right.signalingState == "have-remote-offer":
                await right.setLocalDescription()
                await left.setRemoteDescription(local(right))

        right.on("signalingstatechange", respond)
        channel = left.createDataChannel("x")
        await offer(left, right)
        await opened(channel)


async def test_a_handler_of_negotiationneeded_may_offer() -> None:
    async with pair() as (left, right):

        async def begin() -> None:
            await exchange(left, right)

        left.on("negotiationneeded", begin)
        left.createDataChannel("x")

        assert (await happened(right, "datachannel")).channel.label == "x"
