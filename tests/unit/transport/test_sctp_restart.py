"""A peer that begins SCTP anew while channels are open (RFC 8841 section 9.3, RFC 9260 5.2)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from aiortc.rtcsctptransport import (
    CookieEchoChunk,
    DataChunk,
    InitAckChunk,
    InitChunk,
    parse_packet,
    serialize_packet,
)

from peer.transport.sctp.restart import Announcing
from peer.transport.sctp.transport import DataChannel, DataTransport, SctpTransportState
from tests.support.data_ends import End, fragment, heard, open_pair
from tests.support.media_link import media_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

STRING = 51
DCEP = 50


@pytest.fixture
async def ends() -> AsyncIterator[tuple[End, End]]:
    left, right = (End(link) for link in media_link())
    yield left, right
    await left.transport.close()
    await right.transport.close()


async def settle() -> None:
    """Let everything arrive that is on its way."""
    for _ in range(100):
        await asyncio.sleep(0)


def data_chunks(end: End) -> list[DataChunk]:
    """What it has sent."""
    return [
        chunk
        for packet in end.link.wire.sent
        for chunk in parse_packet(packet)[3]
        if isinstance(chunk, DataChunk)
    ]


def without_data(packet: bytes) -> bool:
    return not any(isinstance(chunk, DataChunk) for chunk in parse_packet(packet)[3])


def first_data(count: int) -> Callable[[bytes], bool]:
    """Keeps that many packets with data, and all others."""
    kept: list[bytes] = []

    def keep(packet: bytes) -> bool:
        if without_data(packet):
            return True
        kept.append(packet)
        return len(kept) <= count

    return keep


class Restarted:
    """A peer that has begun SCTP anew, and kept channels of these ids."""

    def __init__(self, end: End, ids: tuple[int, ...]) -> None:
        # Nothing that was on its way to the old one may pass for its own.
        end.link.peer.wire.queue.clear()
        self.end = End(end.link)
        self.received: dict[int, list[object]] = {each: [] for each in ids}
        self.channels: dict[int, DataChannel] = {}
        for each in ids:
            channel = self.end.transport.createDataChannel("kept", negotiated=True, id=each)
            channel.on("message", self.received[each].append)
            self.channels[each] = channel

    async def connect(self) -> None:
        self.end.link.peer.wire.keep = lambda packet: True
        self.end.start()
        await settle()


async def restart(end: End, *ids: int | None) -> Restarted:
    restarted = Restarted(end, tuple(each for each in ids if each is not None))
    await restarted.connect()
    return restarted


async def test_channels_stay_open_with_id_label_and_parameters(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right, ordered=False, maxRetransmits=3, protocol="p")
    before = (ours.id, ours.label, ours.ordered, ours.maxRetransmits, ours.protocol)
    events = [heard(ours, "close"), heard(ours, "open")]
    await restart(right, ours.id)

    assert (ours.id, ours.label, ours.ordered, ours.maxRetransmits, ours.protocol) == before
    assert ours.readyState == "open"
    assert not any(event.done() for event in events)
    assert left.transport.state is SctpTransportState.CONNECTED
    assert left.transport.restarts == 1


async def test_messages_flow_both_ways_after_it(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    ours.send("before")
    await settle()
    peer = await restart(right, ours.id)
    arriving = heard(ours, "message")
    ours.send("there")
    peer.channels[0].send("and back")
    await settle()

    assert peer.received[0] == ["there"]
    assert await arriving == "and back"


async def test_what_was_not_acknowledged_is_sent_again_in_order(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await settle()
    left.link.wire.keep = without_data
    # More than one congestion window: some were sent, some wait.
    messages = [f"{number} {'x' * 500}" for number in range(50)]
    for message in messages:
        ours.send(message)
    await settle()
    assert ours.bufferedAmount > 0
    peer = await restart(right, ours.id)

    assert peer.received[0] == messages
    assert ours.bufferedAmount == 0


async def test_a_message_acknowledged_in_part_is_sent_again_whole(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await settle()
    left.link.wire.keep = first_data(2)
    message = "x" * 5000
    ours.send(message)
    await settle()
    peer = await restart(right, ours.id)

    assert peer.received[0] == [message]


async def test_what_was_delivered_out_of_turn_is_not_sent_again(ends: tuple[End, End]) -> None:
    left, right = ends
    lost, _ = await open_pair(left, right)
    other, theirs = await open_pair(left, right)
    await settle()
    delivered = heard(theirs, "message")
    left.link.wire.keep = without_data
    lost.send("lost")
    await settle()
    left.link.wire.keep = lambda packet: True
    other.send("delivered")
    assert await delivered == "delivered"
    await settle()
    peer = await restart(right, lost.id, other.id)

    assert peer.received == {lost.id: ["lost"], other.id: []}


@pytest.mark.parametrize("options", [{"maxRetransmits": 0}, {"maxPacketLifeTime": 1}])
async def test_what_has_reached_its_limit_is_not_sent_again(
    ends: tuple[End, End], options: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right, **options)
    await settle()
    left.link.wire.keep = without_data
    ours.send("lost")
    await settle()
    after = time.time() + 1
    monkeypatch.setattr("time.time", lambda: after)
    peer = await restart(right, ours.id)
    ours.send("sent")
    await settle()

    assert peer.received[0] == ["sent"]


async def test_half_a_message_of_the_peer_is_forgotten(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    await settle()
    received: list[object] = []
    ours.on("message", received.append)
    right.link.wire.keep = first_data(2)
    theirs.send("x" * 5000)
    await settle()
    right.link.wire.keep = lambda packet: True
    peer = await restart(right, ours.id)
    peer.channels[0].send("y" * 5000)
    await settle()

    assert received == ["y" * 5000]


async def test_it_may_come_many_times(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await settle()
    for number in range(5):
        left.link.wire.keep = without_data
        ours.send(str(number))
        await settle()
        peer = await restart(right, ours.id)
        assert peer.received[0] == [str(number)]
    assert left.transport.restarts == 5


async def test_what_is_being_sent_again_survives_another_restart(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    for _ in range(200):
        ours.send("x" * 1000)
    await settle()
    # More than a fresh association may send at first.
    left.link.wire.keep = without_data
    messages = [f"{number} {'x' * 1000}" for number in range(60)]
    for message in messages:
        ours.send(message)
    await settle()
    peer = Restarted(right, (0,))
    left.link.wire.keep = first_data(0)
    peer.end.start()
    await settle()
    assert left.transport.restarts == 1
    assert peer.received[0] == []
    peer = await restart(peer.end, ours.id)

    assert peer.received[0] == messages


async def test_the_owner_is_told_before_any_message(ends: tuple[End, End]) -> None:
    left, right = ends
    told: list[object] = []
    left.transport = DataTransport(
        on_channel=lambda channel: None, on_restart=lambda: told.append("restart")
    )
    left.link.on_data = left.transport.receive
    ours = left.transport.createDataChannel("x", negotiated=True, id=0)
    ours.on("message", told.append)
    left.start()
    right.start()
    await settle()
    assert told == []
    peer = Restarted(right, (0,))
    peer.channels[0].on("open", lambda: peer.channels[0].send("first"))
    await peer.connect()

    assert told == ["restart", "first"]


async def test_a_restart_before_the_association_is_up_is_followed(ends: tuple[End, End]) -> None:
    left, right = ends
    ours = left.transport.createDataChannel("early", negotiated=True, id=0)
    left.start()
    # Our INIT ACK and all that follows is lost.
    left.link.wire.keep = lambda packet: False
    right.start()
    await settle()
    assert left.transport.state is SctpTransportState.CONNECTING
    peer = await restart(right, 0)
    ours.send("there")
    await settle()

    assert peer.received[0] == ["there"]


async def test_counters_go_on(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    left.transport.receive(left.forge(fragment(left.expected_tsn + 9999)))
    assert left.transport.refused_chunks == 1
    await restart(right, ours.id)
    assert left.transport.refused_chunks == 1


# ---- What is no restart


async def test_a_repeated_init_is_no_restart(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    inits = [p for p in right.link.wire.sent if isinstance(parse_packet(p)[3][0], InitChunk)]
    for number in range(3):
        theirs.send("x")
        await settle()
        left.transport.receive(inits[0])
        arriving = heard(ours, "message")
        theirs.send(str(number))
        await settle()
        assert arriving.done()
        assert left.acknowledged_tsn == left.expected_tsn - 1
    assert left.transport.restarts == 0


async def test_an_init_alone_changes_nothing(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    ByHand(left).send_init(tag=1)
    ByHand(left).send_init(tag=2)
    received = [heard(ours, "message"), heard(theirs, "message")]
    ours.send("a")
    theirs.send("b")
    await settle()

    assert [await each for each in received] == ["b", "a"]
    assert left.transport.restarts == 0


async def test_packets_of_the_old_association_that_are_late_are_ignored(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    received: list[object] = []
    theirs.send("late")
    await settle()
    late = right.link.wire.sent[:]
    await restart(right, ours.id)
    ours.on("message", received.append)
    for packet in late:
        left.transport.receive(packet)
    await settle()

    assert received == []
    assert left.transport.restarts == 1
    assert ours.readyState == "open"


# ---- By hand, for what no transport of ours would send


class ByHand:
    """A peer that begins SCTP anew, packet by packet."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.tag = 0
        self.cookie = b""

    def send_init(self, tag: int) -> None:
        init = InitChunk()
        init.initiate_tag, init.advertised_rwnd, init.initial_tsn = tag, 100_000, 1
        init.outbound_streams = init.inbound_streams = 10
        self.end.transport.receive(serialize_packet(5000, 5000, 0, init))
        (answer,) = parse_packet(self.end.link.wire.sent[-1])[3]
        assert isinstance(answer, InitAckChunk)
        self.tag = answer.initiate_tag
        self.cookie = dict(answer.params)[7]

    def send_echo(self, *more: DataChunk) -> None:
        echo = CookieEchoChunk(body=self.cookie)
        self.end.transport.receive(self.end.forge(echo, *more, tag=self.tag))


def text(tsn: int, words: str) -> DataChunk:
    chunk = fragment(tsn, stream=0, flags=3)
    chunk.protocol, chunk.user_data = STRING, words.encode()
    return chunk


async def test_a_message_may_come_with_the_cookie(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    received: list[object] = []
    ours.on("message", received.append)
    peer = ByHand(left)
    peer.send_init(tag=1)
    peer.send_echo(text(1, "with it"))

    assert received == ["with it"]
    assert left.transport.restarts == 1


async def test_an_init_that_is_repeated_while_it_restarts_is_the_same_restart(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    peer = ByHand(left)
    peer.send_init(tag=1)
    first = peer.tag
    peer.send_init(tag=1)

    assert peer.tag == first
    peer.send_echo()
    peer.send_echo()
    assert left.transport.restarts == 1


async def test_a_cookie_that_is_not_ours_restarts_nothing(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    peer = ByHand(left)
    peer.send_init(tag=1)
    peer.cookie = bytes(24)
    peer.send_echo()
    arriving = heard(theirs, "message")
    ours.send("still here")
    await settle()

    assert arriving.done()
    assert left.transport.restarts == 0


async def test_closing_while_a_peer_restarts_ends_both(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    peer = ByHand(left)
    peer.send_init(tag=1)
    await left.transport.close()
    sent = len(left.link.wire.sent)
    peer.send_echo()

    assert ours.readyState == "closed"
    assert left.closed.is_set()
    assert len(left.link.wire.sent) == sent


# ---- Announcements


def announcements(chunks: list[DataChunk]) -> list[int]:
    """Ids of the channels that were announced."""
    return [c.stream_id for c in chunks if c.protocol == DCEP and c.user_data[:1] == b"\x03"]


async def test_a_channel_that_the_peer_knows_is_not_announced_again(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await settle()
    before = len(data_chunks(left))
    await restart(right, ours.id)
    assert announcements(data_chunks(left)[before:]) == []


async def test_every_channel_of_ours_is_announced_again_where_that_is_asked_for() -> None:
    links = media_link()
    left, right = End(links[0], announcing=Announcing.ALL), End(links[1])
    ours, _ = await open_pair(left, right)
    left.transport.createDataChannel("agreed", negotiated=True, id=8)
    theirs, _ = await open_pair(right, left)
    await settle()
    peer = Restarted(right, ())
    await peer.connect()
    announced = peer.end.channels.get_nowait()

    assert (announced.id, announced.label) == (ours.id, "chat")
    assert peer.end.channels.empty()
    assert ours.id != theirs.id
    for end in (left, right, peer.end):
        await end.transport.close()


async def test_an_announcement_that_was_lost_is_sent_again(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    await settle()
    left.link.wire.keep = without_data
    late = left.transport.createDataChannel("late")
    await heard(late, "open")
    late.send("first")
    await settle()
    peer = await restart(right)
    announced = peer.end.channels.get_nowait()

    assert (announced.id, announced.label) == (late.id, "late")


async def test_a_channel_whose_acknowledgement_was_lost_opens(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    await settle()
    right.link.wire.keep = without_data
    late = left.transport.createDataChannel("late", ordered=False)
    await settle()
    assert late.readyState == "connecting"
    right.link.wire.keep = lambda packet: True
    await restart(right, late.id)
    assert late.readyState == "open"


async def test_a_channel_that_the_peer_announces_again_is_the_same(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await settle()
    peer = Restarted(right, ())
    again = peer.end.transport.createDataChannel("chat", ordered=False)
    await peer.connect()
    # The ends' roles decide the ids: theirs is another.
    assert again.id != ours.id
    mine = left.channels.get_nowait()
    second = Restarted(peer.end, ())
    again = second.end.transport.createDataChannel("chat", ordered=False)
    await second.connect()

    assert again.id == mine.id
    assert (mine.readyState, again.readyState) == ("open", "open")
    assert left.channels.empty()


async def test_another_channel_in_place_of_a_forgotten_one_is_new(ends: tuple[End, End]) -> None:
    left, right = ends
    _, ours = await open_pair(right, left)
    await settle()
    peer = Restarted(right, ())
    other = peer.end.transport.createDataChannel("other")
    await peer.connect()
    new = left.channels.get_nowait()

    assert (new.id, new.label) == (other.id, "other")
    assert (ours.readyState, new.readyState) == ("closed", "open")


async def test_another_channel_in_place_of_one_in_use_is_refused(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await settle()
    announcement = fragment(left.expected_tsn, stream=0, flags=3)
    announcement.protocol = DCEP
    announcement.user_data = b"\x03" + bytes(11)
    left.transport.receive(left.forge(announcement))

    assert left.transport.refused_channels == 1
    assert (ours.readyState, ours.label) == ("open", "chat")


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_a_channel_that_was_closing_closes(ends: tuple[End, End], lost: str) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await settle()
    (left if lost == "request" else right).link.wire.keep = lambda packet: False
    ours.close()
    await settle()
    assert ours.readyState == "closing"
    right.link.wire.keep = lambda packet: True
    peer = await restart(right, ours.id)

    assert ours.readyState == "closed"
    assert peer.channels[0].readyState == "closed"


async def test_what_waited_on_a_closing_channel_is_sent_before_it_closes(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    await settle()
    left.link.wire.keep = without_data
    messages = [f"{number} {'x' * 3000}" for number in range(20)]
    for message in messages:
        ours.send(message)
    ours.close()
    await settle()
    peer = await restart(right, ours.id)
    await settle()

    assert peer.received[0] == messages
    assert ours.readyState == "closed"
