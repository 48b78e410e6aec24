"""Restart of SCTP by the peer: announcing, accepting and closing of channels."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.transport.wire.dcep import DataChannelOpen
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.data_ends import End, fragment, next_event, open_pair
from tests.support.links.media_link import media_link
from tests.support.links.restarting_sctp_peer import (
    RestartedPeer,
    ScriptedSctpPeer,
    data_chunks,
    deliver_all,
    restart,
    without_data,
)

if TYPE_CHECKING:
    from aiortc.rtcsctptransport import DataChunk

DCEP = 50
UNORDERED = 4


def announcement(tsn: int, label: str) -> DataChunk:
    chunk = fragment(tsn, stream=0, flags=3)
    chunk.stream_seq = tsn - 1
    chunk.protocol, chunk.user_data = DCEP, DataChannelOpen(label=label).encode()
    return chunk


def announcements(chunks: list[DataChunk]) -> list[int]:
    """Ids of the channels that were announced."""
    return [c.stream_id for c in chunks if c.protocol == DCEP and c.user_data[:1] == b"\x03"]


async def test_sctp_restart_does_not_announce_acknowledged_channel_again(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    before = len(data_chunks(left))
    await restart(right, ours.id)
    assert announcements(data_chunks(left)[before:]) == []


async def test_sctp_restart_resends_lost_channel_announcement(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    await deliver_all()
    left.link.wire.keep = without_data
    late = left.transport.createDataChannel("late")
    await next_event(late, "open")
    late.send("first")
    await deliver_all()
    peer = await restart(right)
    announced = peer.end.channels.get_nowait()

    assert (announced.id, announced.label) == (late.id, "late")


async def test_sctp_restart_opens_channel_whose_dcep_ack_was_lost(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    await deliver_all()
    right.link.wire.keep = without_data
    late = left.transport.createDataChannel("late", ordered=False)
    await deliver_all()
    assert late.readyState == "connecting"
    right.link.wire.keep = lambda packet: True
    await restart(right, late.id)
    assert late.readyState == "open"


async def test_handler_of_open_may_add_channels_during_sctp_restart(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    await deliver_all()
    right.link.wire.keep = without_data
    ours = left.transport.createDataChannel("x", ordered=False)
    ours.on("open", lambda: left.transport.createDataChannel("y", negotiated=True, id=20))
    await deliver_all()
    right.link.wire.keep = lambda packet: True
    await restart(right, 0, ours.id)
    assert ours.readyState == "open"
    assert left.transport.restarts == 1


async def test_channel_announced_again_after_sctp_restart_is_the_same(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    peer = RestartedPeer(right, ())
    again = peer.end.transport.createDataChannel("chat", ordered=False)
    await peer.connect()
    # The ends' roles decide the ids: theirs is another.
    assert again.id != ours.id
    mine = left.channels.get_nowait()
    second = RestartedPeer(peer.end, ())
    again = second.end.transport.createDataChannel("chat", ordered=False)
    await second.connect()

    assert again.id == mine.id
    assert (mine.readyState, again.readyState) == ("open", "open")
    assert left.channels.empty()


async def test_other_channel_announced_after_sctp_restart_is_new(ends: tuple[End, End]) -> None:
    left, right = ends
    _, ours = await open_pair(right, left)
    await deliver_all()
    peer = RestartedPeer(right, ())
    other = peer.end.transport.createDataChannel("other")
    await peer.connect()
    new = left.channels.get_nowait()

    assert (new.id, new.label) == (other.id, "other")
    assert (ours.readyState, new.readyState) == ("closed", "open")


async def test_other_channel_announced_on_stream_in_use_is_refused(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    opening = fragment(left.expected_tsn, stream=0, flags=3)
    opening.protocol = DCEP
    opening.user_data = b"\x03" + bytes(11)
    left.transport.receive(left.forge(opening))

    assert left.transport.refused_channels == 1
    assert (ours.readyState, ours.label) == ("open", "chat")


async def test_unordered_channel_announced_after_sctp_restart_waits_for_ack(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    await deliver_all()
    left.link.wire.keep = without_data
    late = left.transport.createDataChannel("late", ordered=False)
    await deliver_all()
    right.link.wire.keep = without_data
    peer = await restart(right)

    assert peer.end.channels.get_nowait().label == "late"
    assert late.readyState == "connecting"


async def test_closing_channel_closes_if_restarted_peer_forgot_it(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    left.link.wire.keep = lambda packet: False
    ours.close()
    await deliver_all()
    await restart(right)

    assert ours.readyState == "closed"


async def test_channel_announced_again_after_sctp_restart_keeps_its_stream(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    peer = ScriptedSctpPeer(left)
    peer.send_init(tag=1)
    peer.send_echo(announcement(1, "chat"), announcement(2, "other"))
    await deliver_all()

    assert (ours.readyState, ours.label) == ("open", "chat")
    assert left.transport.refused_channels == 1


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_closing_channel_closes_after_sctp_restart(ends: tuple[End, End], lost: str) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    (left if lost == "request" else right).link.wire.keep = lambda packet: False
    ours.close()
    await deliver_all()
    assert ours.readyState == "closing"
    right.link.wire.keep = lambda packet: True
    peer = await restart(right, ours.id)

    assert ours.readyState == "closed"
    assert peer.channels[0].readyState == "closed"


async def test_messages_resent_on_closing_channel_arrive_before_it_closes(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    for _ in range(200):
        ours.send("x" * 1000)
    await deliver_all()
    left.link.wire.keep = without_data
    # More than a fresh association may send at first, and all of it on its way.
    messages = [f"{number} {'x' * 1000}" for number in range(20)]
    for message in messages:
        ours.send(message)
    await deliver_all()
    assert ours.bufferedAmount == 0
    ours.close()
    peer = await restart(right, ours.id)

    assert peer.received[0] == messages
    assert ours.readyState == "closed"


async def test_messages_queued_on_closing_channel_arrive_before_it_closes(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    left.link.wire.keep = without_data
    messages = [f"{number} {'x' * 3000}" for number in range(20)]
    for message in messages:
        ours.send(message)
    ours.close()
    await deliver_all()
    peer = await restart(right, ours.id)
    await deliver_all()

    assert peer.received[0] == messages
    assert ours.readyState == "closed"


@in_virtual_time
async def test_resent_message_keeps_its_order_and_limits() -> None:
    left, right = (End(link) for link in media_link())
    ours, _ = await open_pair(left, right, ordered=False, maxRetransmits=1)
    await deliver_all()
    before = len(data_chunks(left))
    left.link.wire.keep = without_data
    ours.send("x")
    await deliver_all()
    peer = RestartedPeer(right, ())
    peer.end.start()
    await asyncio.sleep(100)
    sent = data_chunks(left)[before:]

    assert left.transport.restarts == 1
    assert [chunk.flags & UNORDERED for chunk in sent] == [UNORDERED] * 2
    for end in (left, right, peer.end):
        await end.transport.close()
