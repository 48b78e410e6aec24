"""One offer that rings at several members of a room (RFC 5763 section 6.3)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING

import pytest

from peer import PeerConnection
from peer.states import SignalingState
from peer.tracing.events import SignalingMessage
from signaling import (
    Answer,
    DeviceState,
    Error,
    ErrorCode,
    NegotiationError,
    Offer,
    Opening,
    ProvisionalAnswer,
    Reconnect,
    join,
)
from signaling.server import create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import loopback, signaling_state
from tests.support.network.asgi import serve
from tests.support.rooms.events import Watched
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import MediaStreamTrack
    from signaling import Participant, PeerChannel, RingingDevice, Room

enter = functools.partial(
    join, room="desk", configuration=loopback(), reconnect=Reconnect(timeout=DEADLINE)
)
#: The pitch that each device plays.
PITCHES = {"phone": 500, "laptop": 700, "desk": 900}
CALLER = 300


@contextlib.asynccontextmanager
async def devices(
    *names: str, opening: Opening = Opening.EARLY_ANSWER
) -> AsyncIterator[tuple[str, dict[str, Watched]]]:
    """A server's address, and devices in its room that play a tone each."""
    async with (
        asyncio.timeout(DEADLINE),
        serve(create_app()) as base,
        contextlib.AsyncExitStack() as stack,
    ):
        url = f"{base}/ws"
        rooms = {}
        for name in names:
            room = await stack.enter_async_context(enter(url, name=name, opening=opening))
            room.publish(ToneTrack(PITCHES[name]))
            rooms[name] = Watched(room)
        yield url, rooms


def caller() -> PeerConnection:
    """A connection that sends a tone, and gets one."""
    pc = PeerConnection(loopback())
    pc.addTrack(ToneTrack(CALLER))
    return pc


def name_of(device: RingingDevice) -> str:
    return device.channel.peer.name


async def is_heard(device: RingingDevice) -> None:
    (transceiver,) = device.connection.getTransceivers()
    await hears(transceiver.receiver.track, PITCHES[name_of(device)])


async def hears_caller(watched: Watched) -> Participant:
    event = await watched.event("track")
    await hears(event.track, CALLER)
    participant: Participant = event.participant
    return participant


async def calls(watched: Watched) -> None:
    """Wait until a device has an offer of its own open."""
    await watched.until(lambda: watched.room.participant("bot"))
    bot = watched.room.participant("bot")
    assert bot is not None
    await signaling_state(bot.connection, SignalingState.HAVE_LOCAL_OFFER)


async def test_offer_rings_at_three_devices_that_are_heard_early_and_one_is_kept() -> None:
    async with devices(*PITCHES) as (url, rooms), enter(url, name="bot") as room:
        pc = caller()
        traces: dict[str, Sink] = {}
        async with room.ring(
            pc, trace=lambda channel: traces.setdefault(channel.peer.name, Sink())
        ) as ringing:
            early = [device async for device in ringing]
            assert {name_of(device) for device in early} == set(PITCHES)
            assert {device.connection.id.partition("/")[0] for device in early} == {pc.id}
            assert len({device.connection.id for device in early}) == 3
            for device in early:
                await is_heard(device)
                assert device.state is DeviceState.EARLY
            (await hears_caller(rooms["laptop"])).accept()
            kept = await ringing.accepted()
            await ringing.keep(kept)
            for name in ("phone", "desk"):
                left = await rooms[name].event("participantleft")
                assert (left.reason, left.error) == ("answered elsewhere", None)

        assert name_of(kept) == "laptop"
        told = {
            name: [event.summary for event in trace.all(SignalingMessage)]
            for name, trace in traces.items()
        }
        assert told == {
            "laptop": ["pranswer of laptop", "answer of laptop"],
            "phone": ["pranswer of phone", "bye to phone"],
            "desk": ["pranswer of desk", "bye to desk"],
        }
        assert kept.connection.connectionState == "connected"
        tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
        kept.connection.on("track", lambda event: tracks.put_nowait(event.track))
        await hears(await tracks.get(), PITCHES["laptop"])
        running = asyncio.create_task(kept.run())
        # Later changes of either end are those of any call.
        rooms["laptop"].room.publish(ToneTrack(1100))
        await hears(await tracks.get(), 1100)
        await kept.connection.close()
        await running
        await rooms["laptop"].event("participantleft")


async def test_devices_that_accept_are_kept_together() -> None:
    async with devices("phone", "laptop") as (url, rooms), enter(url, name="bot") as room:
        async with room.ring(caller()) as ringing:
            for watched in rooms.values():
                (await watched.event("ringing")).accept()
            both = [await ringing.accepted(), await ringing.accepted()]
            await ringing.keep(*both)
        for device in both:
            await is_heard(device)
            await device.close("done")
        for watched in rooms.values():
            assert (await watched.event("participantleft")).reason == "done"


@pytest.mark.parametrize("caller_is_first", [True, False])
async def test_devices_that_call_at_the_same_time_are_reached_all_the_same(
    caller_is_first: bool,
) -> None:
    async with devices() as (url, _), contextlib.AsyncExitStack() as stack:
        names = ["bot", "phone", "laptop"] if caller_is_first else ["phone", "laptop", "bot"]
        entered = {}
        for name in names:
            entered[name] = await stack.enter_async_context(enter(url, name=name))
            if name != "bot":
                entered[name].publish(ToneTrack(PITCHES[name]))
        room = entered.pop("bot")
        for member in entered.values():
            await calls(Watched(member))
        for _ in entered:
            await room.next_channel()
        async with room.ring(caller()) as ringing:
            reached = [await ringing.accepted(), await ringing.accepted()]
            for device in reached:
                await is_heard(device)
            assert {name_of(device) for device in reached} == {"phone", "laptop"}


async def test_call_that_everybody_declines_says_who_declined_and_why() -> None:
    async with (
        devices("phone", "laptop") as (url, rooms),
        enter(url, name="bot") as room,
        room.ring(caller()) as ringing,
    ):
        for name, watched in rooms.items():
            (await watched.event("ringing")).decline(f"not at my {name}")
        with pytest.raises(NegotiationError, match="phone: not at my phone") as refused:
            await ringing.accepted()
        assert "laptop: not at my laptop" in str(refused.value)


async def test_device_that_is_not_called_notices_nothing() -> None:
    async with devices("phone", "laptop") as (url, rooms), enter(url, name="bot") as room:
        phone = next(peer for peer in room.peers if peer.name == "phone")
        async with room.ring(caller(), phone.member) as ringing:
            (await rooms["phone"].event("ringing")).accept()
            await is_heard(await ringing.accepted())
        assert rooms["laptop"].of("ringing") == []


async def to_bot(room: Room) -> PeerChannel:
    """The channel of a member of its own to the bot."""
    async for channel in room.channels():
        if channel.peer.name == "bot":
            return channel
    raise AssertionError("there is no bot")


async def test_answers_of_a_member_that_was_not_offered_are_noticed_by_nobody() -> None:
    async with (
        devices("phone") as (url, rooms),
        enter(url, name="bot") as room,
        enter(url, name="eve") as eve,
    ):
        channel = await to_bot(eve)
        phone = next(peer for peer in room.peers if peer.name == "phone")
        async with room.ring(caller(), phone.member) as ringing:
            participant = await rooms["phone"].event("ringing")
            for _ in range(300):
                await channel.send(Answer(sdp="nonsense"))
            participant.accept()
            await is_heard(await ringing.accepted())
            assert len(ringing.devices) == 1


async def test_device_that_answers_nonsense_ends_alone_and_is_told_what_was_wrong() -> None:
    async with (
        devices("phone") as (url, rooms),
        enter(url, name="eve") as eve,
        enter(url, name="bot") as room,
        room.ring(caller()) as ringing,
    ):
        channel = await to_bot(eve)
        assert isinstance(await channel.receive(), Offer)
        await channel.send(ProvisionalAnswer(sdp="nonsense"))
        await channel.send(Answer(sdp="nonsense"))
        errors = [message async for message in channel if isinstance(message, Error)]
        assert [error.code for error in errors] == [ErrorCode.BAD_DESCRIPTION] * 2
        (await rooms["phone"].event("ringing")).accept()
        kept = await ringing.accepted()
        assert name_of(kept) == "phone"
        await is_heard(kept)
        ended = next(device for device in ringing.devices if name_of(device) == "eve")
        assert ended.state is DeviceState.ENDED
        assert not ended.has_answered


async def test_device_that_answers_a_thousand_times_costs_the_others_nothing() -> None:
    async with (
        devices("phone") as (url, rooms),
        enter(url, name="eve") as eve,
        enter(url, name="bot") as room,
        room.ring(caller()) as ringing,
        PeerConnection(loopback()) as pc,
    ):
        channel = await to_bot(eve)
        offer = await channel.receive()
        assert isinstance(offer, Offer)
        await pc.setRemoteDescription(offer.session_description)
        await pc.setLocalDescription()
        assert pc.localDescription is not None
        answer = Answer(sdp=pc.localDescription.sdp)
        sending = asyncio.create_task(_send(channel, answer, 1000))
        (await rooms["phone"].event("ringing")).accept()
        reached = {name_of(await ringing.accepted()) for _ in range(2)}
        assert reached == {"phone", "eve"}
        while not isinstance(error := await channel.receive(), Error):
            pass
        assert error.code is ErrorCode.UNEXPECTED
        await is_heard(next(each for each in ringing.devices if name_of(each) == "phone"))
        sending.cancel()


async def _send(channel: PeerChannel, answer: Answer, count: int) -> None:
    for _ in range(count):
        await channel.send(answer)


async def test_ringing_at_nobody_known_is_refused_by_name() -> None:
    async with devices("phone") as (url, _), enter(url, name="bot") as room:
        async with PeerConnection(loopback()) as pc:
            with pytest.raises(ValueError, match="no member 'ann' is in the room"):
                room.ring(pc, "ann")
        async with enter(url, name="other") as with_participants, PeerConnection() as pc:
            assert len(with_participants.participants) >= 0
            with pytest.raises(RuntimeError, match="belong to its participants"):
                with_participants.ring(pc)
