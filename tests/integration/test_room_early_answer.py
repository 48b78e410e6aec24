"""Early answers in rooms (RFC 5763 section 6.2): media of a call that nobody has accepted yet."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING

import pytest

from peer import EarlyMedia
from peer.states import SignalingState
from signaling import (
    Answer,
    Channel,
    Negotiator,
    Opening,
    ProvisionalAnswer,
    Reconnect,
    channel_pair,
    join,
)
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import loopback, pair, signaling_state
from tests.support.negotiation.negotiating import Tap
from tests.support.rooms.events import Watched
from tests.support.rooms.restarting import RestartingServer, restarting_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import RtpReceiver
    from signaling import Participant, PeerMessage

FAST = Reconnect(timeout=DEADLINE, first_delay=0.01, longest_delay=0.1)
#: Pitches of what the callee plays before it accepts, and after.
RINGBACK, VOICE = 500, 900

EARLY = pytest.mark.conformance("6.2-early-media")


@contextlib.asynccontextmanager
async def ringing() -> AsyncIterator[tuple[RestartingServer, Watched, Participant, Participant]]:
    """A room in which a caller calls a callee that rings: server, caller, and each to the other."""
    enter = functools.partial(join, room="r", reconnect=FAST, configuration=loopback())
    async with (
        restarting_server() as server,
        asyncio.timeout(DEADLINE),
        enter(server.url, name="callee", opening=Opening.EARLY_ANSWER) as there,
    ):
        callee = Watched(there)
        there.publish(ToneTrack(RINGBACK))
        async with enter(server.url, name="caller") as here:
            caller = Watched(here)
            here.publish(ToneTrack(300))
            to_caller = await callee.event("ringing")
            to_callee = (await caller.event("track")).participant
            yield server, caller, to_callee, to_caller


def is_verified(receiver: RtpReceiver) -> bool:
    return receiver.verified


def receiver_of(participant: Participant) -> RtpReceiver:
    """The one receiver of its connection."""
    (transceiver,) = participant.connection.getTransceivers()
    return transceiver.receiver


@EARLY
async def test_callee_of_a_room_is_heard_before_it_accepts_and_after() -> None:
    async with ringing() as (_, _, to_callee, to_caller):
        receiver = receiver_of(to_callee)
        await hears(receiver.track, RINGBACK)
        assert receiver.verified
        assert to_callee.is_ringing
        assert to_caller.is_ringing

        to_caller.accept()
        for participant in (to_callee, to_caller):
            await signaling_state(participant.connection, SignalingState.STABLE)
            assert not participant.is_ringing
        await to_caller.connection.getSenders()[0].replaceTrack(ToneTrack(VOICE))
        await hears(receiver.track, VOICE)
        await hears(receiver_of(to_caller).track, 300)


async def test_track_that_is_added_while_it_rings_comes_with_the_final_answer() -> None:
    async with ringing() as (_, caller, _, to_caller):
        to_caller.connection.addTrack(ToneTrack(VOICE))
        to_caller.accept()
        second = await caller.event("track", 2)
        await hears(second.track, VOICE)


async def test_callee_that_declines_ends_the_call_with_its_reason() -> None:
    async with ringing() as (_, caller, to_callee, to_caller):
        to_caller.decline("not at my desk")
        left = await caller.event("participantleft")
        assert (left.participant, left.reason) == (to_callee, "not at my desk")
        assert to_callee.connection.connectionState == "closed"


async def test_call_that_rings_outlives_a_server_that_restarts() -> None:
    async with ringing() as (server, caller, to_callee, to_caller):
        server.stop()
        await caller.event("away")
        await server.start()
        await caller.event("participantback")
        assert to_callee.is_ringing
        to_caller.accept()
        await signaling_state(to_callee.connection, SignalingState.STABLE)
        await hears(receiver_of(to_callee).track, RINGBACK)
        assert caller.of("participantleft") == []


async def test_two_members_that_both_ring_are_joined_by_the_first_who_accepts() -> None:
    enter = functools.partial(
        join, room="r", configuration=loopback(), opening=Opening.EARLY_ANSWER
    )
    async with (
        restarting_server() as server,
        asyncio.timeout(DEADLINE),
        enter(server.url, name="ann") as ann,
        enter(server.url, name="bob") as bob,
    ):
        first, second = Watched(ann), Watched(bob)
        for room in (ann, bob):
            room.publish(ToneTrack(RINGBACK))
        (await first.event("participantjoined")).accept()
        (await second.event("ringing")).accept()
        for watched in (first, second):
            await hears((await watched.event("track")).track, RINGBACK)


class Withholding(Channel):
    """A channel that holds a provisional answer back until a test lets it pass."""

    def __init__(self, channel: Channel) -> None:
        self.may_pass = asyncio.Event()
        self._channel = channel

    async def send(self, message: PeerMessage) -> None:
        await self._channel.send(message)

    async def receive(self) -> PeerMessage:
        message = await self._channel.receive()
        if isinstance(message, ProvisionalAnswer):
            await self.may_pass.wait()
        return message

    async def close(self, reason: str = "") -> None:
        await self._channel.close(reason)


@EARLY
async def test_early_media_is_unverified_until_the_early_answer_and_verified_from_then_on() -> None:
    here, there = channel_pair()
    withholding, tap = Withholding(here), Tap(there)
    left = loopback(early_media=EarlyMedia.UNVERIFIED, bundlePolicy="max-bundle")
    async with pair(left) as (caller, callee), asyncio.timeout(DEADLINE):
        receiver = caller.addTransceiver("audio").receiver
        callee.addTrack(ToneTrack(RINGBACK))
        calling = Negotiator(caller, withholding, polite=False)
        called = Negotiator(callee, tap, polite=True, opening=Opening.EARLY_ANSWER)
        running = [asyncio.create_task(each.run()) for each in (calling, called)]

        await hears(receiver.track, RINGBACK)
        assert not is_verified(receiver)
        assert caller.signalingState is SignalingState.HAVE_LOCAL_OFFER

        withholding.may_pass.set()
        await signaling_state(caller, SignalingState.HAVE_REMOTE_PRANSWER)
        await caller.connected()
        assert is_verified(receiver)
        await hears(receiver.track, RINGBACK)
        assert not any(isinstance(message, Answer) for message in tap.sent)

        called.accept()
        await signaling_state(caller, SignalingState.STABLE)
        await hears(receiver.track, RINGBACK)
        await there.close()
        await asyncio.gather(*running)
