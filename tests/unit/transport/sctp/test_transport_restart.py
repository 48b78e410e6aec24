"""Restart of SCTP by the peer while channels are open (RFC 8841 section 9.3, RFC 9260 5.2)."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiortc.rtcsctptransport import InitChunk, parse_packet

from peer.states import SctpTransportState
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.data_ends import End, fragment, next_event, open_pair
from tests.support.links.media_link import media_link
from tests.support.links.restarting_sctp_peer import (
    RestartedPeer,
    ScriptedSctpPeer,
    deliver_all,
    first_data,
    restart,
    text,
    without_data,
)


async def test_sctp_restart_keeps_channel_open_with_id_and_parameters(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right, ordered=False, maxRetransmits=3, protocol="p")
    before = (ours.id, ours.label, ours.ordered, ours.maxRetransmits, ours.protocol)
    events = [next_event(ours, "close"), next_event(ours, "open")]
    await restart(right, ours.id)

    assert (ours.id, ours.label, ours.ordered, ours.maxRetransmits, ours.protocol) == before
    assert ours.readyState == "open"
    assert not any(event.done() for event in events)
    assert left.transport.state is SctpTransportState.CONNECTED
    assert left.transport.restarts == 1


async def test_messages_flow_both_ways_after_sctp_restart(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    ours.send("before")
    await deliver_all()
    peer = await restart(right, ours.id)
    arriving = next_event(ours, "message")
    ours.send("there")
    peer.channels[0].send("and back")
    await deliver_all()

    assert peer.received[0] == ["there"]
    assert await arriving == "and back"


async def test_sctp_restart_resends_unacknowledged_messages_in_order(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    left.link.wire.keep = without_data
    # More than one congestion window: some were sent, some wait.
    messages = [f"{number} {'x' * 500}" for number in range(50)]
    for message in messages:
        ours.send(message)
    await deliver_all()
    assert ours.bufferedAmount > 0
    peer = await restart(right, ours.id)

    assert peer.received[0] == messages
    assert ours.bufferedAmount == 0


async def test_sctp_restart_resends_partly_acknowledged_message_whole(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    left.link.wire.keep = first_data(2)
    message = "x" * 5000
    ours.send(message)
    await deliver_all()
    peer = await restart(right, ours.id)

    assert peer.received[0] == [message]


async def test_sctp_restart_does_not_resend_message_acknowledged_by_gap_block(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    lost, _ = await open_pair(left, right)
    other, theirs = await open_pair(left, right)
    await deliver_all()
    delivered = next_event(theirs, "message")
    left.link.wire.keep = without_data
    lost.send("lost")
    await deliver_all()
    left.link.wire.keep = lambda packet: True
    other.send("delivered")
    assert await delivered == "delivered"
    await deliver_all()
    peer = await restart(right, lost.id, other.id)

    assert peer.received == {lost.id: ["lost"], other.id: []}


@pytest.mark.parametrize("options", [{"maxRetransmits": 0}, {"maxPacketLifeTime": 1}])
async def test_sctp_restart_does_not_resend_message_beyond_its_limit(
    ends: tuple[End, End], options: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right, **options)
    await deliver_all()
    left.link.wire.keep = without_data
    ours.send("lost")
    await deliver_all()
    after = time.time() + 1
    monkeypatch.setattr("time.time", lambda: after)
    peer = await restart(right, ours.id)
    ours.send("sent")
    await deliver_all()

    assert peer.received[0] == ["sent"]


async def test_sctp_restart_discards_partly_received_message(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    await deliver_all()
    received: list[object] = []
    ours.on("message", received.append)
    right.link.wire.keep = first_data(2)
    theirs.send("x" * 5000)
    await deliver_all()
    right.link.wire.keep = lambda packet: True
    peer = await restart(right, ours.id)
    peer.channels[0].send("y" * 5000)
    await deliver_all()

    assert received == ["y" * 5000]


async def test_sctp_restart_may_happen_many_times(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await deliver_all()
    for number in range(5):
        left.link.wire.keep = without_data
        ours.send(str(number))
        await deliver_all()
        peer = await restart(right, ours.id)
        assert peer.received[0] == [str(number)]
    assert left.transport.restarts == 5


async def test_messages_being_resent_survive_another_sctp_restart(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    for _ in range(200):
        ours.send("x" * 1000)
    await deliver_all()
    # More than a fresh association may send at first.
    left.link.wire.keep = without_data
    messages = [f"{number} {'x' * 1000}" for number in range(60)]
    for message in messages:
        ours.send(message)
    await deliver_all()
    peer = RestartedPeer(right, (0,))
    left.link.wire.keep = first_data(0)
    peer.end.start()
    await deliver_all()
    assert left.transport.restarts == 1
    assert peer.received[0] == []
    peer = await restart(peer.end, ours.id)

    assert peer.received[0] == messages


@in_virtual_time
async def test_sctp_restart_does_not_resend_abandoned_message() -> None:
    left, right = (End(link) for link in media_link())
    ours, _ = await open_pair(left, right, maxRetransmits=0)
    await deliver_all()
    left.link.wire.keep = lambda packet: False
    ours.send("given up")
    await asyncio.sleep(30)
    peer = await restart(right, ours.id)
    ours.send("sent")
    await deliver_all()

    assert peer.received[0] == ["sent"]
    for end in (left, right, peer.end):
        await end.transport.close()


@in_virtual_time
async def test_replaced_sctp_association_sends_nothing_more() -> None:
    left, right = (End(link) for link in media_link())
    ours, _ = await open_pair(left, right)
    await deliver_all()
    left.link.wire.keep = without_data
    for number in range(20):
        ours.send(f"{number} {'x' * 1000}")
    await deliver_all()
    peer = await restart(right, ours.id)
    before = len(left.link.wire.sent)
    # Time enough for whatever timers there are.
    await asyncio.sleep(200)
    tags = {parse_packet(packet)[2] for packet in left.link.wire.sent[before:]}

    assert len(peer.received[0]) == 20
    assert tags == set()
    for end in (left, right, peer.end):
        await end.transport.close()


async def test_sctp_restart_is_counted_before_any_message(ends: tuple[End, End]) -> None:
    left, right = ends
    received: list[tuple[object, int]] = []
    ours = left.transport.createDataChannel("x", negotiated=True, id=0)
    ours.on("message", lambda message: received.append((message, left.transport.restarts)))
    left.start()
    right.start()
    await deliver_all()
    assert received == []
    peer = RestartedPeer(right, (0,))
    peer.channels[0].on("open", lambda: peer.channels[0].send("first"))
    await peer.connect()

    assert received == [("first", 1)]


async def test_sctp_restart_before_association_is_established(ends: tuple[End, End]) -> None:
    left, right = ends
    ours = left.transport.createDataChannel("early", negotiated=True, id=0)
    left.start()
    # Our INIT ACK and all that follows is lost.
    left.link.wire.keep = lambda packet: False
    right.start()
    await deliver_all()
    assert left.transport.state is SctpTransportState.CONNECTING
    peer = await restart(right, 0)
    ours.send("there")
    await deliver_all()

    assert peer.received[0] == ["there"]


async def test_sctp_restart_keeps_counters(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    left.transport.receive(left.forge(fragment(left.expected_tsn + 9999)))
    assert left.transport.refused_chunks == 1
    await restart(right, ours.id)
    assert left.transport.refused_chunks == 1


# ---- What is no restart


async def test_repeated_sctp_init_is_no_restart(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    inits = [p for p in right.link.wire.sent if isinstance(parse_packet(p)[3][0], InitChunk)]
    for number in range(3):
        theirs.send("x")
        await deliver_all()
        left.transport.receive(inits[0])
        arriving = next_event(ours, "message")
        theirs.send(str(number))
        await deliver_all()
        assert arriving.done()
        assert left.acknowledged_tsn == left.expected_tsn - 1
    assert left.transport.restarts == 0


async def test_sctp_init_alone_changes_nothing(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    ScriptedSctpPeer(left).send_init(tag=1)
    ScriptedSctpPeer(left).send_init(tag=2)
    received = [next_event(ours, "message"), next_event(theirs, "message")]
    ours.send("a")
    theirs.send("b")
    await deliver_all()

    assert [await each for each in received] == ["b", "a"]
    assert left.transport.restarts == 0


async def test_late_packets_of_replaced_sctp_association_are_ignored(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    received: list[object] = []
    theirs.send("late")
    await deliver_all()
    late = right.link.wire.sent[:]
    await restart(right, ours.id)
    ours.on("message", received.append)
    for packet in late:
        left.transport.receive(packet)
    await deliver_all()

    assert received == []
    assert left.transport.restarts == 1
    assert ours.readyState == "open"


# ---- By hand, for what no transport of ours would send


async def test_sctp_restart_is_answered_without_init_of_ours(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    before = len(left.link.wire.sent)
    ScriptedSctpPeer(left).send_init(tag=1)
    await deliver_all()
    sent = [parse_packet(packet)[3][0] for packet in left.link.wire.sent[before:]]

    assert not any(isinstance(chunk, InitChunk) for chunk in sent)


async def test_message_bundled_with_cookie_echo_of_sctp_restart_arrives(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    received: list[object] = []
    ours.on("message", received.append)
    peer = ScriptedSctpPeer(left)
    peer.send_init(tag=1)
    peer.send_echo(text(1, "with it"))

    assert received == ["with it"]
    assert left.transport.restarts == 1


async def test_repeated_init_of_sctp_restart_is_one_restart(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    peer = ScriptedSctpPeer(left)
    peer.send_init(tag=1)
    first = peer.tag
    peer.send_init(tag=1)

    assert peer.tag == first
    peer.send_echo()
    peer.send_echo()
    assert left.transport.restarts == 1


async def test_forged_cookie_does_not_restart_sctp(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    peer = ScriptedSctpPeer(left)
    peer.send_init(tag=1)
    peer.cookie = bytes(24)
    peer.send_echo()
    arriving = next_event(theirs, "message")
    ours.send("still here")
    await deliver_all()

    assert arriving.done()
    assert left.transport.restarts == 0


async def test_close_during_sctp_restart_ends_both_associations(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    peer = ScriptedSctpPeer(left)
    peer.send_init(tag=1)
    await left.transport.close()
    sent = len(left.link.wire.sent)
    peer.send_echo()

    assert ours.readyState == "closed"
    assert left.closed.is_set()
    assert left.link.aiortc_dtls.data_receiver is None
    assert len(left.link.wire.sent) == sent
