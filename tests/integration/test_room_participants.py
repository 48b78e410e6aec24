"""A room of programs: participants with their connections, whatever happens to the server."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING

import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import ConnectionState, PeerConnection
from signaling import (
    Channel,
    ChannelLost,
    NegotiationError,
    Negotiator,
    Offer,
    Participant,
    Reconnect,
    join,
    participants,
)
from signaling.messages import Bye
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import loopback
from tests.support.rooms.events import Watched
from tests.support.rooms.restarting import RestartingServer, restarting_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from signaling import PeerChannel, PeerMessage

FAST = Reconnect(timeout=DEADLINE, first_delay=0.01, longest_delay=0.1)


@contextlib.asynccontextmanager
async def member(
    server: RestartingServer, name: str, *, near: bool = False
) -> AsyncIterator[Watched]:
    url = server.near_url if near else server.url
    async with join(url, room="r", name=name, reconnect=FAST, configuration=loopback()) as room:
        yield Watched(room)


@contextlib.asynccontextmanager
async def members(*names: str) -> AsyncIterator[tuple[RestartingServer, list[Watched]]]:
    """Members of one room who all see each other."""
    async with restarting_server() as server, contextlib.AsyncExitStack() as stack:
        watched = [await stack.enter_async_context(member(server, name)) for name in names]
        for each in watched:
            await each.participants(len(names) - 1)
        async with asyncio.timeout(DEADLINE):
            yield server, watched


class _Kept(Channel):
    """A channel that a Negotiator cannot close."""

    def __init__(self, channel: PeerChannel) -> None:
        self._channel = channel

    async def send(self, message: PeerMessage) -> None:
        await self._channel.send(message)

    async def receive(self) -> PeerMessage:
        return await self._channel.receive()

    async def close(self, reason: str = "") -> None:
        del reason


def other(watched: Watched, name: str) -> Participant:
    found = watched.room.participant(name)
    assert found is not None
    return found


async def talk(sender: Watched, receiver: Watched, text: str) -> None:
    sender.room.send(text)
    await receiver.text(text)


async def test_everybody_gets_tracks_and_texts_of_everybody_over_one_connection_a_pair() -> None:
    async with members("ann", "bob", "eve") as (_, people):
        for watched in people:
            watched.room.publish(SyntheticVideoTrack(width=64, height=48))
        for watched in people:
            for count in (1, 2):
                event = await watched.event("track", count)
                assert event.track.kind == "video"
                assert (await event.track.recv()).width == 64
            assert len(watched.room.participants) == 2
            assert all(
                len(each.connection.getTransceivers()) == 1 for each in watched.room.participants
            )
        people[0].room.send("to all")
        for watched in people[1:]:
            message = await watched.event("message")
            assert (message.participant.name, message.text) == ("ann", "to all")
            message.participant.send("answer")
        await people[0].event("message", 2)


async def test_who_comes_later_gets_what_is_published_and_who_leaves_costs_nobody_else() -> None:
    async with members("ann", "bob") as (server, (ann, bob)):
        ann.room.publish(SyntheticAudioTrack())
        first = await bob.event("track")
        async with member(server, "eve") as eve:
            event = await eve.event("track")
            assert event.participant.name == "ann"
            await event.track.recv()
        left = await ann.event("participantleft")
        assert (left.participant.name, left.error) == ("eve", None)
        assert "left" in left.reason
        await first.track.recv()
        assert [each.name for each in ann.room.participants] == ["bob"]


async def test_connections_live_on_while_the_server_is_away_and_change_once_it_is_back() -> None:
    async with members("ann", "bob") as (server, (ann, bob)):
        await talk(ann, bob, "before")
        to_bob, to_ann = other(ann, "bob"), other(bob, "ann")
        server.stop()
        await asyncio.gather(ann.event("away"), bob.event("away"))
        await talk(ann, bob, "meanwhile")
        # Known to the former server only: it is offered once there is a new one.
        ann.room.publish(SyntheticVideoTrack(width=64, height=48))
        await server.start()
        backs = await asyncio.gather(ann.event("back"), bob.event("back"))
        assert [each.rejoined for each in backs] == [True, True]
        track = (await bob.event("track")).track
        assert (await track.recv()).width == 64
        await talk(bob, ann, "after")
        assert (other(ann, "bob"), other(bob, "ann")) == (to_bob, to_ann)
        assert not to_bob.is_away
        assert ann.of("participantleft") == bob.of("participantleft") == []
        assert len(ann.of("participantjoined")) == 1


async def test_server_that_dies_before_both_offers_are_sent_costs_no_call() -> None:
    async with members("ann", "bob") as (server, (ann, bob)):
        ann.room.publish(SyntheticAudioTrack())
        bob.room.publish(SyntheticAudioTrack())
        server.stop()
        await asyncio.gather(ann.event("away"), bob.event("away"))
        await server.start()
        await asyncio.gather(ann.event("track"), bob.event("track"))
        await talk(ann, bob, "all is well")
        assert ann.of("participantleft") == bob.of("participantleft") == []


async def test_participant_whose_place_was_not_kept_comes_back_as_the_same() -> None:
    async with (
        restarting_server(session_lifetime=0.2) as server,
        asyncio.timeout(DEADLINE),
        member(server, "ann") as ann,
        member(server, "bob", near=True) as bob,
    ):
        joined = await bob.event("participantjoined")
        await talk(bob, ann, "before")
        server.cable.unplug()
        assert await bob.event("participantaway") is joined
        assert joined.is_away
        await talk(ann, bob, "meanwhile")
        server.cable.plug_in()
        assert await bob.event("participantback") is joined
        back = await ann.event("back")
        assert back.rejoined
        # A negotiation goes by the new place.
        ann.room.publish(SyntheticAudioTrack())
        await bob.event("track")
        assert [name for name, _ in bob.seen if name.startswith("participant")] == [
            "participantjoined",
            "participantaway",
            "participantback",
        ]


async def test_break_that_is_short_is_noticed_by_nobody_else() -> None:
    async with (
        restarting_server() as server,
        asyncio.timeout(DEADLINE),
        member(server, "ann") as ann,
        member(server, "bob", near=True) as bob,
    ):
        await bob.event("participantjoined")
        server.cable.cut()
        assert not (await ann.event("back")).rejoined
        ann.room.publish(SyntheticAudioTrack())
        await bob.event("track")
        assert {name for name, _ in bob.seen} == {"participantjoined", "track"}


async def test_participant_that_does_not_come_back_in_time_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(participants, "RETURN_TIME", 0.2)
    async with (
        restarting_server(session_lifetime=0.2) as server,
        asyncio.timeout(DEADLINE),
        member(server, "ann") as ann,
        member(server, "bob", near=True) as bob,
    ):
        await bob.event("participantjoined")
        await talk(bob, ann, "before")
        server.cable.unplug()
        left = await bob.event("participantleft")
        assert "did not come back" in left.reason
        assert left.participant.connection.connectionState is ConnectionState.CLOSED
        assert bob.room.participants == ()
        # It is met again all the same, as somebody new, at both ends.
        server.cable.plug_in()
        met = await bob.event("participantjoined", 2)
        assert met is not left.participant
        await talk(bob, ann, "again")


async def test_participant_that_is_refused_ends_alone_and_is_told_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with members("ann", "bob") as (server, (ann, bob)):
        await talk(ann, bob, "before")
        async with join(server.url, room="r", name="eve", reconnect=FAST) as eve:
            channels = [await eve.next_channel(), await eve.next_channel()]
            to_ann = next(each for each in channels if each.peer.name == "ann")
            for _ in range(3):
                await to_ann.send(Offer(sdp="no description"))
            left = await ann.event("participantleft")
            assert left.participant.name == "eve"
            assert isinstance(left.error, NegotiationError)
            async for _ in to_ann:
                pass
            assert to_ann.ended is not None
            assert "refused" in to_ann.ended.reason
        assert "eve is gone: 3 descriptions in a row were refused" in caplog.text
        await talk(ann, bob, "after")


async def test_who_hangs_up_may_call_again() -> None:
    async with (
        members("ann") as (server, (ann,)),
        join(server.url, room="r", name="caller", reconnect=FAST) as caller,
    ):
        channel = await caller.next_channel()
        for call in (1, 2, 3):
            async with PeerConnection(loopback()) as pc:
                chat = pc.createDataChannel("chat")
                chat.on("open", functools.partial(chat.send, f'{{"text":"call {call}"}}'))
                negotiation = asyncio.create_task(
                    Negotiator(pc, _Kept(channel), polite=channel.polite).run()
                )
                await ann.text(f"call {call}")
                await channel._send(Bye(to=channel.peer.member))  # noqa: SLF001 - and keeps the channel
                await ann.event("participantleft", call)
                negotiation.cancel()


async def test_page_that_was_loaded_again_gets_a_new_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with members("ann") as (server, (ann,)):
        monkeypatch.setattr("signaling.room.new_identity_secret", lambda: "s" * 43)
        for turn in (1, 2, 3):
            # The same secret, and another connection: as a page that keeps it in its session.
            async with member(server, "page") as page:
                page.room.publish(SyntheticVideoTrack(width=64, height=48))
                track = (await ann.event("track", turn)).track
                assert (await track.recv()).width == 64
                server.cable.cut()
                await page.event("back")


async def test_unknown_event_is_refused_with_the_list_of_those_there_are() -> None:
    async with members("ann") as (_, (ann,)):
        with pytest.raises(ValueError, match="Room has no event 'tracks'; its events are"):
            ann.room.on("tracks", print)  # type: ignore[call-overload] # the point


async def test_room_has_participants_or_gives_channels_and_not_both() -> None:
    async with members("ann") as (server, (ann,)):
        with pytest.raises(RuntimeError, match="participants"):
            await ann.room.next_channel()
        async with join(server.url, room="r") as room:
            await room.next_channel()
            with pytest.raises(RuntimeError, match="channels"):
                room.publish(SyntheticAudioTrack())


async def test_room_that_cannot_be_joined_again_ends_with_its_connections() -> None:
    async with restarting_server() as server, asyncio.timeout(DEADLINE):
        brief = Reconnect(timeout=0.2, first_delay=0.01, longest_delay=0.05)
        async with (
            member(server, "ann", near=True) as ann,
            join(
                server.url, room="r", name="bob", reconnect=brief, configuration=loopback()
            ) as room,
        ):
            bob = Watched(room)
            await talk(ann, bob, "before")
            server.stop()
            with pytest.raises(ChannelLost, match="did not return within"):
                await room.closed()
            left = await bob.event("participantleft")
            assert "did not return" in left.reason


async def test_member_that_is_replaced_does_not_fight_for_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("signaling.room.new_identity_secret", lambda: "s" * 43)
    async with (
        restarting_server() as server,
        asyncio.timeout(DEADLINE),
        member(server, "first") as first,
        member(server, "second") as second,
    ):
        with pytest.raises(ChannelLost, match="replaced"):
            await first.room.closed()
        assert second.of("away") == []


async def test_leaving_waits_for_handlers_that_complete_their_work() -> None:
    done: list[str] = []
    async with (
        members("bob") as (server, _),
        join(server.url, room="r", name="ann", configuration=loopback()) as room,
    ):

        @room.on("participantjoined")
        async def work(participant: Participant) -> None:
            done.append("begun")
            await participant.left()
            await asyncio.sleep(0.05)
            done.append("completed")

        joined = Watched(room)
        await joined.event("participantjoined")
    assert done == ["begun", "completed"]
