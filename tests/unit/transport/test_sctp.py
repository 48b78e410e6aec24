"""The data transport over an in-memory link: channels, their bounds and their end."""

from __future__ import annotations

import asyncio
import random
import time
from struct import pack
from typing import TYPE_CHECKING, Any

import pytest
from aiortc.rtcsctptransport import (
    AbortChunk,
    Chunk,
    DataChunk,
    InitAckChunk,
    InitChunk,
    SackChunk,
    ShutdownChunk,
    parse_packet,
    serialize_packet,
)

from peer.errors import ConfigurationError, InvalidAccessError, InvalidStateError
from peer.transport.sctp.transport import DataChannel, DataTransport, SctpTransportState
from peer.transport.seam.sctp import AHEAD_LIMIT, CHANNEL_LIMIT, HELD_LIMIT
from tests.support.media_link import LinkEnd, media_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class End:
    """A data transport on one end of a link, and what it has reported."""

    def __init__(self, link: LinkEnd) -> None:
        self.link = link
        self.channels: asyncio.Queue[DataChannel] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.transport = DataTransport(
            on_channel=self.channels.put_nowait, on_close=self.closed.set
        )
        link.on_data = self.transport.receive

    @property
    def tag(self) -> int:
        """The verification tag that the peer uses towards this end."""
        chunks = (parse_packet(packet)[3][0] for packet in self.link.wire.sent)
        inits = (chunk for chunk in chunks if isinstance(chunk, InitChunk | InitAckChunk))
        return int(next(inits).initiate_tag)

    @property
    def expected_tsn(self) -> int:
        """The next one of the peer, as far as it has sent."""
        tsns = [0]
        for packet in self.link.peer.wire.sent:
            for chunk in parse_packet(packet)[3]:
                if isinstance(chunk, InitChunk | InitAckChunk):
                    tsns = [chunk.initial_tsn]
                elif isinstance(chunk, DataChunk):
                    tsns.append(chunk.tsn + 1)
        return tsns[-1]

    @property
    def acknowledged_tsn(self) -> int:
        """The last one of the peer that this end has taken."""
        chunks = (parse_packet(packet)[3][0] for packet in reversed(self.link.wire.sent))
        return int(next(c for c in chunks if isinstance(c, SackChunk)).cumulative_tsn)

    def start(self) -> None:
        self.transport.start(self.link.face, remote_port=5000, remote_max_message_size=262144)

    def forge(self, *chunks: Chunk, tag: int | None = None) -> bytes:
        """A packet such as the peer would send."""
        tag = self.tag if tag is None else tag
        first, *rest = (serialize_packet(5000, 5000, tag, chunk) for chunk in chunks)
        packet = first + b"".join(each[12:] for each in rest)
        return with_checksum(packet)


def with_checksum(packet: bytes) -> bytes:
    from google_crc32c import value

    return packet[:8] + pack("<L", value(packet[:8] + bytes(4) + packet[12:])) + packet[12:]


def heard(emitter: Any, event: str) -> asyncio.Future[Any]:
    """What the next event of this name brings."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    emitter.once(event, lambda *args: future.set_result(args[0] if args else None))
    return future


@pytest.fixture
async def ends() -> AsyncIterator[tuple[End, End]]:
    left, right = (End(link) for link in media_link())
    yield left, right
    await left.transport.close()
    await right.transport.close()


async def open_pair(left: End, right: End, **options: Any) -> tuple[DataChannel, DataChannel]:
    ours = left.transport.createDataChannel("chat", **options)
    opened = heard(ours, "open")
    if left.transport.state is SctpTransportState.NEW:
        left.start()
        right.start()
    theirs = await right.channels.get()
    await opened
    return ours, theirs


async def test_channel_created_before_the_transport_exists_opens_with_it(
    ends: tuple[End, End],
) -> None:
    ours, theirs = await open_pair(*ends)
    received = heard(theirs, "message")
    ours.send("hello")
    assert await received == "hello"
    assert ends[0].transport.state is SctpTransportState.CONNECTED


async def test_channel_created_after_the_start_opens(ends: tuple[End, End]) -> None:
    await open_pair(*ends)
    ours, theirs = await open_pair(*ends)
    assert (ours.readyState, theirs.readyState) == ("open", "open")
    assert ours.id == theirs.id


async def test_channel_is_open_without_a_round_trip(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    right.link.wire.keep = lambda packet: False
    await heard(left.transport.createDataChannel("late"), "open")


async def test_channel_without_order_waits_for_the_acknowledgement(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    right.link.wire.keep = lambda packet: False
    ours = left.transport.createDataChannel("late", ordered=False)
    await right.channels.get()
    assert ours.readyState == "connecting"


async def test_dtls_role_decides_the_ids(ends: tuple[End, End]) -> None:
    left, right = ends
    client, _ = await open_pair(left, right)
    server, _ = await open_pair(right, left)
    assert client.id is not None
    assert server.id is not None
    assert (client.id % 2, server.id % 2) == (0, 1)


async def test_parameters_reach_the_peer(ends: tuple[End, End]) -> None:
    _, theirs = await open_pair(*ends, ordered=False, maxRetransmits=3, protocol="p")
    assert (theirs.ordered, theirs.maxRetransmits, theirs.protocol) == (False, 3, "p")


async def test_label_beyond_ascii_reaches_the_peer(ends: tuple[End, End]) -> None:
    left, right = ends
    left.transport.createDataChannel("grüße 🖐", protocol="é")
    left.start()
    right.start()
    theirs = await right.channels.get()
    assert (theirs.label, theirs.protocol) == ("grüße 🖐", "é")


async def test_large_message_arrives_whole(ends: tuple[End, End]) -> None:
    ours, theirs = await open_pair(*ends)
    message = random.Random(1).randbytes(200_000)
    received = heard(theirs, "message")
    ours.send(message)
    assert await received == message


async def test_negotiated_channels_open_without_an_announcement(ends: tuple[End, End]) -> None:
    left, right = ends
    ours = left.transport.createDataChannel("a", negotiated=True, id=7)
    theirs = right.transport.createDataChannel("b", negotiated=True, id=7)
    opened = [heard(each, "open") for each in (ours, theirs)]
    left.start()
    right.start()
    await asyncio.gather(*opened)
    assert right.channels.empty()


async def test_id_is_ignored_where_it_was_not_negotiated(ends: tuple[End, End]) -> None:
    assert ends[0].transport.createDataChannel("a", id=9).id is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"maxPacketLifeTime": 1, "maxRetransmits": 1}, "exclude each other"),
        ({"maxPacketLifeTime": -1}, "maxPacketLifeTime"),
        ({"maxRetransmits": 65_536}, "maxRetransmits"),
        ({"protocol": "é" * 32_768}, "protocol"),
        ({"negotiated": True}, "needs an id"),
        ({"negotiated": True, "id": 65_535}, "id must be"),
    ],
)
async def test_values_out_of_range_are_refused(
    ends: tuple[End, End], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        ends[0].transport.createDataChannel("a", **options)


@pytest.mark.parametrize("label", ["x" * 65_536, "\ud800"])
async def test_labels_that_cannot_be_sent_are_refused(ends: tuple[End, End], label: str) -> None:
    with pytest.raises(ConfigurationError, match="label"):
        ends[0].transport.createDataChannel(label)


async def test_second_channel_of_an_id_is_refused(ends: tuple[End, End]) -> None:
    ends[0].transport.createDataChannel("a", negotiated=True, id=1)
    with pytest.raises(InvalidAccessError, match="1"):
        ends[0].transport.createDataChannel("b", negotiated=True, id=1)


async def test_close_closes_every_channel_on_both_sides(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    waiting = left.transport.createDataChannel("not announced")
    await left.transport.close()
    await right.closed.wait()
    assert [c.readyState for c in (ours, theirs, waiting)] == ["closed"] * 3
    assert right.transport.state is SctpTransportState.CLOSED


async def test_close_before_the_start_closes_what_waits(ends: tuple[End, End]) -> None:
    plain = ends[0].transport.createDataChannel("a")
    negotiated = ends[0].transport.createDataChannel("b", negotiated=True, id=0)
    await ends[0].transport.close()
    assert (plain.readyState, negotiated.readyState) == ("closed", "closed")
    with pytest.raises(InvalidStateError):
        ends[0].transport.createDataChannel("c")


@pytest.mark.parametrize("chunk", [AbortChunk, ShutdownChunk])
async def test_end_by_the_peer_closes_channels(ends: tuple[End, End], chunk: type[Chunk]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    left.transport.receive(left.forge(chunk()))
    assert left.closed.is_set()
    assert ours.readyState == "closed"


async def test_acknowledgement_of_far_more_than_was_sent_costs_nothing(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    await open_pair(left, right)
    sack = SackChunk()
    sack.cumulative_tsn = right.expected_tsn - 1
    sack.gaps = [(1, 65_535)] * 250
    packet = left.forge(sack)
    before = time.process_time()
    left.transport.receive(packet)
    # Followed block by block, it takes seconds.
    assert time.process_time() - before < 0.1


async def test_channels_of_the_peer_are_bounded(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    tsn = left.expected_tsn
    for index in range(CHANNEL_LIMIT):
        announcement = fragment(tsn + index, stream=101 + index, flags=7)
        announcement.protocol = 50
        announcement.user_data = bytes([3]) + bytes(11)
        left.transport.receive(left.forge(announcement))
    assert left.channels.qsize() == CHANNEL_LIMIT - 1
    assert left.transport.refused_channels == 1


def fragment(tsn: int, *, stream: int = 8, size: int = 1, flags: int = 2) -> DataChunk:
    chunk = DataChunk(flags=flags)
    chunk.tsn = tsn % 2**32
    chunk.stream_id = stream
    chunk.user_data = bytes(size)
    return chunk


async def test_data_far_ahead_is_not_held(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    received = left.expected_tsn - 1
    left.transport.receive(left.forge(fragment(received + AHEAD_LIMIT + 1)))
    assert left.transport.refused_chunks == 1
    left.transport.receive(left.forge(fragment(received + AHEAD_LIMIT)))
    assert left.transport.refused_chunks == 1


async def test_bytes_that_never_become_a_message_are_bounded(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    tsn = left.expected_tsn
    for index in range(1200):
        left.transport.receive(left.forge(fragment(tsn + index, size=1100, flags=0)))
    taken = (left.acknowledged_tsn - tsn + 1) % 2**32
    assert taken * 1100 <= 1024 * 1024 + 1100
    assert left.transport.refused_chunks == 1200 - taken


async def test_small_fragments_without_end_abort_the_association(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    tsn = left.expected_tsn
    chunks = [fragment(tsn + index, flags=0) for index in range(2 * HELD_LIMIT)]
    for start in range(0, len(chunks), 60):
        left.transport.receive(left.forge(*chunks[start : start + 60]))
        if left.closed.is_set():
            break
    assert ours.readyState == "closed"


async def test_init_bundled_with_other_chunks_is_dropped(ends: tuple[End, End]) -> None:
    left, _ = ends
    left.start()
    left.transport.receive(left.forge(InitChunk(body=bytes(16)), AbortChunk(), tag=0))
    assert left.transport.malformed == 1
    assert not left.closed.is_set()


async def test_data_before_the_association_is_dropped(ends: tuple[End, End]) -> None:
    left, _ = ends
    left.start()
    left.transport.receive(left.forge(fragment(1)))
    assert (left.transport.refused_chunks, left.transport.failed) == (1, 0)


async def test_hostile_packets_never_raise(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    source = random.Random(7)
    packets = list(left.link.wire.sent)
    for _ in range(3000):
        packet = bytearray(source.choice(packets))
        for _ in range(source.randrange(1, 4)):
            packet[source.randrange(12, len(packet))] = source.randrange(256)
        right.transport.receive(with_checksum(bytes(packet)))
        right.transport.receive(source.randbytes(source.randrange(64)))
    assert right.transport.malformed > 0


async def test_packet_that_aiortc_cannot_handle_costs_that_packet(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, theirs = await open_pair(left, right)
    # RFC 8832 section 5.2: an ACK, for a channel that does not exist.
    acknowledgement = fragment(right.expected_tsn, stream=400, flags=7)
    acknowledgement.protocol = 50
    acknowledgement.user_data = b"\x02"
    right.transport.receive(right.forge(acknowledgement))
    assert right.transport.failed == 1
    received = heard(ours, "message")
    theirs.send("still here")
    assert await received == "still here"


async def test_parameter_of_length_zero_is_dropped(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    abort = AbortChunk()
    abort.params = [(1, b"")]
    packet = bytearray(left.forge(abort))
    packet[18:20] = bytes(2)
    left.transport.receive(with_checksum(bytes(packet)))
    assert left.transport.malformed == 1
    assert not left.closed.is_set()


async def test_transport_that_closed_takes_nothing_more(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    packet = left.forge(fragment(left.expected_tsn))
    await left.transport.close()
    sent = len(left.link.wire.sent)
    left.transport.receive(packet)
    assert len(left.link.wire.sent) == sent
