"""Rooms of Janus: we publish by our offers, and subscribe by answering offers of Janus."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from media import SyntheticAudioTrack
from peer import ConnectionState
from tests.support.negotiation.connections import direct, expected, local, reached, within
from tests.support.peers.janus_calls import VIDEO_ROOM, MediaCall, media_call, small_video

if TYPE_CHECKING:
    from peer import RekeyResult, SessionDescription
    from tests.support.peers.janus import JanusSession, Said

pytestmark = [pytest.mark.needs("janus"), pytest.mark.xdist_group("peer-janus")]

ROOM = 1
TIMES = 10


async def create_room(session: JanusSession) -> None:
    handle = await session.attach(VIDEO_ROOM)
    await handle.ask({"request": "create", "room": ROOM, "publishers": 6})


async def publish(call: MediaCall) -> int:
    """Publish sound and a picture, and return the number that Janus gives to this feed."""
    joined = await call.handle.ask({"request": "join", "ptype": "publisher", "room": ROOM})
    call.pc.addTrack(SyntheticAudioTrack())
    call.pc.addTrack(small_video())
    await publish_again(call)
    await within(call.pc.connected())
    # Janus knows of no feed before.
    await within(call.handle.up)
    return int(joined.data["id"])


async def publish_again(call: MediaCall) -> None:
    said = await call.handle.ask({"request": "configure"}, await call.described())
    await call.pc.setRemoteDescription(said.jsep)


async def answer(call: MediaCall, said: Said) -> SessionDescription:
    """Answer an offer of Janus, and return that offer."""
    await call.pc.setRemoteDescription(said.jsep)
    await call.handle.ask({"request": "start", "room": ROOM}, await call.described())
    return said.jsep


async def subscribe(call: MediaCall, *feeds: int) -> None:
    streams: list[dict[str, Any]] = [{"feed": feed} for feed in feeds]
    await answer(
        call,
        await call.handle.ask(
            {"request": "join", "ptype": "subscriber", "room": ROOM, "streams": streams}
        ),
    )
    await within(call.pc.connected())


def mids(call: MediaCall) -> list[str]:
    """The m-sections in which Janus sends."""
    return [
        each.mid
        for each in call.pc.getTransceivers()
        if each.mid is not None and each.currentDirection == "recvonly"
    ]


def ufrag(description: SessionDescription) -> str:
    lines = description.sdp.splitlines()
    return next(line for line in lines if line.startswith("a=ice-ufrag:"))


async def test_subscriber_that_janus_offers_to_gets_what_we_publish(janus: JanusSession) -> None:
    await create_room(janus)
    async with media_call(janus, VIDEO_ROOM) as one, media_call(janus, VIDEO_ROOM) as other:
        await subscribe(other, await publish(one))
        assert len(mids(other)) == 2
        await other.flow(*mids(other))
        assert (one.handshakes, other.handshakes) == (1, 1)


async def test_publishers_hold_and_resume_reaches_the_subscriber(janus: JanusSession) -> None:
    await create_room(janus)
    async with media_call(janus, VIDEO_ROOM) as one, media_call(janus, VIDEO_ROOM) as other:
        await subscribe(other, await publish(one))
        await other.flow(*mids(other))
        direct(one.pc, "inactive")
        await publish_again(one)
        # By way of the room, what was on its way has come with this.
        await other.handle.ask({"request": "configure"})
        assert await other.silence() == 0
        direct(one.pc, "sendonly")
        await publish_again(one)
        await other.flow(*mids(other))


async def test_feed_that_is_unsubscribed_and_subscribed_ten_times_comes_back(
    janus: JanusSession,
) -> None:
    await create_room(janus)
    async with (
        media_call(janus, VIDEO_ROOM) as one,
        media_call(janus, VIDEO_ROOM) as two,
        media_call(janus, VIDEO_ROOM) as other,
    ):
        first, second = await publish(one), await publish(two)
        await subscribe(other, first)
        for _ in range(TIMES):
            streams = {"streams": [{"feed": second}]}
            await answer(other, await other.handle.ask({"request": "subscribe", **streams}))
            assert len(mids(other)) == 4
            await other.flow(*mids(other), count=3)
            await answer(other, await other.handle.ask({"request": "unsubscribe", **streams}))
            assert len(mids(other)) == 2
            await other.flow(*mids(other), count=3)
        # Janus takes the places of the m-sections that it no longer uses.
        assert len(local(other.pc).sdp.split("\nm=")) == 1 + 4
        assert other.handshakes == 1


async def test_ice_restarts_that_janus_offers_keep_its_association(janus: JanusSession) -> None:
    await create_room(janus)
    async with media_call(janus, VIDEO_ROOM) as one, media_call(janus, VIDEO_ROOM) as other:
        await subscribe(other, await publish(one))
        seen = []
        for _ in range(3):
            said = await other.handle.ask({"request": "configure", "restart": True})
            seen.append((ufrag(await answer(other, said)), ufrag(local(other.pc))))
            await other.flow(*mids(other))
        assert [len(set(each)) for each in zip(*seen, strict=True)] == [3, 3]
        assert other.handshakes == 1


@pytest.mark.long
async def test_rekey_of_a_publisher_says_that_janus_kept_its_association(
    janus: JanusSession,
) -> None:
    await create_room(janus)
    async with media_call(janus, VIDEO_ROOM) as one, media_call(janus, VIDEO_ROOM) as other:
        await subscribe(other, await publish(one))
        await other.flow(*mids(other))
        needed = expected(one.pc, "negotiationneeded")
        rekeying = asyncio.create_task(one.pc.rekey())
        await within(needed)
        await publish_again(one)
        result: RekeyResult = await within(rekeying)
        assert not result.changed
        assert "the peer kept its association" in result.reason
        await other.flow(*mids(other))
        assert one.handshakes == 1


async def test_subscriber_sees_at_once_that_janus_ends_it(janus: JanusSession) -> None:
    await create_room(janus)
    async with media_call(janus, VIDEO_ROOM) as one, media_call(janus, VIDEO_ROOM) as other:
        await subscribe(other, await publish(one))
        await other.handle.ask({"request": "leave"})
        await reached(
            other.pc,
            "connectionstatechange",
            lambda: other.pc.connectionState is ConnectionState.DISCONNECTED,
        )
        assert one.pc.connectionState is ConnectionState.CONNECTED
