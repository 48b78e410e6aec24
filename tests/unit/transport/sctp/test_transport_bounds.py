"""What a verified peer can make an SCTP association keep and do: every table, every turn."""

# ruff: noqa: SLF001 - what is kept inside is what is counted here

from __future__ import annotations

import asyncio
from struct import pack
from typing import TYPE_CHECKING

import pytest
from aiortc.rtcsctptransport import (
    Chunk,
    CookieAckChunk,
    CookieEchoChunk,
    DataChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    ReconfigChunk,
    SackChunk,
    parse_packet,
)

from peer.transport.adapters.sctp_association import (
    CHANNEL_TEXT_LIMIT,
    SctpAssociation,
)
from peer.transport.adapters.sctp_sender import (
    AHEAD_LIMIT,
    FORWARD_STREAMS_LIMIT,
    STEPS_PER_DATA,
    STEPS_PER_TURN,
)
from peer.transport.wire.sctp_reassembly import STREAM_LIMIT
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.clock.work import counted_turns, lines_run
from tests.support.links.data_ends import End, fragment, open_pair
from tests.support.links.media_link import media_link

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of the largest packet of SCTP that we send (aiortc's `SCTP_MAX_PACKET_LENGTH`).
PACKET = 1189
WHOLE = 3


def association(end: End) -> SctpAssociation:
    return end.transport._association


def sent_by(end: End) -> list[Chunk]:
    return [chunk for packet in end.link.wire.sent for chunk in parse_packet(packet)[3]]


def forward(tsn: int, *streams: tuple[int, int]) -> ForwardTsnChunk:
    chunk = ForwardTsnChunk()
    chunk.cumulative_tsn = tsn % 2**32
    chunk.streams = list(streams)
    return chunk


def sack(tsn: int, *gaps: tuple[int, int]) -> SackChunk:
    chunk = SackChunk()
    chunk.advertised_rwnd = 1024 * 1024
    chunk.cumulative_tsn = tsn % 2**32
    chunk.gaps = list(gaps)
    return chunk


def text(tsn: int, sequence: int, stream: int) -> DataChunk:
    chunk = fragment(tsn, stream=stream, flags=WHOLE)
    chunk.stream_seq, chunk.protocol, chunk.user_data = sequence, 51, str(sequence).encode()
    return chunk


async def handled(end: End) -> None:
    """Wait until every packet of the peer is handled."""
    while end.transport._executor._running:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)


# What is kept of what the peer sends


async def test_streams_that_a_peer_names_are_bounded(ends: tuple[End, End]) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    tsn = left.expected_tsn
    for index in range(STREAM_LIMIT + 500):
        left.transport.receive(left.forge(fragment(tsn + index, stream=1000 + index, flags=WHOLE)))
        await asyncio.sleep(0)
    await handled(left)
    # The stream of the channel is one of them.
    assert left.transport.refused_chunks in (500, 501)
    # They are acknowledged all the same (RFC 9260 section 6.5), and the channel goes on.
    assert left.acknowledged_tsn == (tsn + STREAM_LIMIT + 499) % 2**32
    got: list[str | bytes] = []
    ours.on("message", got.append)
    left.transport.receive(left.forge(text(tsn + STREAM_LIMIT + 500, 0, ours.id or 0)))
    assert got == ["0"]


async def test_a_sack_of_many_gaps_fits_into_a_packet(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    tsn = left.expected_tsn
    for ahead in range(1, AHEAD_LIMIT - 40, 40):
        chunks = [fragment(tsn + ahead + each) for each in range(0, 40, 2)]
        left.transport.receive(left.forge(*chunks, *chunks[:15]))
        await asyncio.sleep(0)
    await handled(left)
    last = sent_by(left)[-1]
    assert isinstance(last, SackChunk)
    assert len(last.gaps) > 200
    assert len(last.duplicates) > 10
    assert max(map(len, left.link.wire.sent)) <= PACKET


async def test_labels_of_the_channels_of_a_peer_are_bounded(ends: tuple[End, End]) -> None:
    left, right = ends
    await open_pair(left, right)
    tsn = left.expected_tsn
    label = bytes(4000)
    opening = pack("!BBHLHH", 3, 0, 0, 0, len(label), 0) + label
    most = CHANNEL_TEXT_LIMIT // len(opening)
    for index in range(most + 20):
        chunk = fragment(tsn + index, stream=101 + 2 * index, flags=WHOLE)
        chunk.protocol, chunk.user_data = 50, opening
        left.transport.receive(left.forge(chunk))
        await asyncio.sleep(0)
    await handled(left)
    assert (left.channels.qsize(), left.transport.refused_channels) == (most, 20)
    # Room comes back with the channels that are closed.
    association(left)._data_channel_closed(101)
    chunk = fragment(tsn + most + 20, stream=9001, flags=WHOLE)
    chunk.protocol, chunk.user_data = 50, opening
    left.transport.receive(left.forge(chunk))
    assert left.channels.qsize() == most + 1


async def test_an_announcement_that_comes_again_queues_one_answer(ends: tuple[End, End]) -> None:
    left, right = ends
    _, theirs = await open_pair(left, right)
    # The peer acknowledges nothing, so that answers have to wait.
    left.link.wire.keep = lambda packet: False
    theirs_id = theirs.id
    assert theirs_id is not None
    opening = fragment(0, stream=500, flags=WHOLE)
    opening.protocol, opening.user_data = 50, bytes([3]) + bytes(11)
    tsn = left.expected_tsn
    for index in range(AHEAD_LIMIT + 500):
        opening.tsn = (tsn + index) % 2**32
        opening.stream_seq = index % 2**16
        left.transport.receive(left.forge(opening))
        await asyncio.sleep(0)
    await handled(left)
    assert left.channels.qsize() == 1
    assert len(association(left)._data_channel_queue) <= 1
    assert len(association(left)._sent_queue) <= AHEAD_LIMIT


async def test_a_cookie_that_comes_again_is_answered_and_changes_nothing(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    opened: list[str] = []
    ours, _ = await open_pair(left, right)
    ours.on("open", lambda: opened.append("again"))
    (echo,) = [chunk for chunk in sent_by(right) if isinstance(chunk, CookieEchoChunk)][:1]
    before = sum(isinstance(chunk, CookieAckChunk) for chunk in sent_by(left))
    left.transport.receive(left.forge(echo, echo, echo))
    await handled(left)
    after = sum(isinstance(chunk, CookieAckChunk) for chunk in sent_by(left))
    assert (after - before, opened) == (3, [])


# What is kept of what the peer does not acknowledge


@pytest.mark.parametrize("options", [{}, {"maxRetransmits": 0}, {"maxPacketLifeTime": 100}])
@in_virtual_time
async def test_what_a_peer_never_acknowledges_is_bounded(options: dict[str, int]) -> None:
    left, right = (End(link) for link in media_link())
    ours, _ = await open_pair(left, right, **options)
    await asyncio.sleep(1)
    left.link.wire.keep = lambda packet: False
    for _ in range(50):
        for _ in range(100):
            ours.send(b"x")
        await asyncio.sleep(1)
    sender = association(left)
    assert len(sender._sent_queue) <= AHEAD_LIMIT
    assert len(list(sender.sent_messages())) <= AHEAD_LIMIT + STEPS_PER_TURN
    await left.transport.close()
    await right.transport.close()


@pytest.mark.parametrize("options", [{}, {"maxRetransmits": 0}])
@in_virtual_time
async def test_what_a_peer_acknowledges_except_for_the_first_is_bounded(
    options: dict[str, int],
) -> None:
    left, right = (End(link) for link in media_link())
    ours, _ = await open_pair(left, right, **options)
    await asyncio.sleep(1)
    left.link.wire.keep = lambda packet: False
    sender = association(left)
    first = sender._local_tsn
    for _ in range(40):
        for _ in range(100):
            ours.send(b"x")
        await asyncio.sleep(0.1)
        sent = (sender._local_tsn - len(sender._outbound_queue) - first) % 2**32
        left.transport.receive(left.forge(sack(first - 1, (2, sent))))
    assert len(sender._sent_queue) <= AHEAD_LIMIT
    # It goes on from there once the peer acknowledges.
    for _ in range(10):
        sent = sender._local_tsn - len(sender._outbound_queue)
        left.transport.receive(left.forge(sack(sent - 1)))
        await asyncio.sleep(0.1)
    assert (len(sender._sent_queue), ours.bufferedAmount) == (0, 0)
    await left.transport.close()
    await right.transport.close()


@in_virtual_time
async def test_skipped_messages_of_many_streams_are_told_in_packets_that_fit() -> None:
    left, right = (End(link) for link in media_link())
    got: list[str | bytes] = []
    channels = []
    for _ in range(FORWARD_STREAMS_LIMIT + 100):
        ours, theirs = await open_pair(left, right, maxRetransmits=0)
        theirs.on("message", got.append)
        channels.append(ours)
    await asyncio.sleep(5)
    left.link.wire.keep = lambda packet: False
    for channel in channels:
        channel.send("lost")
    await asyncio.sleep(1)
    left.link.wire.keep = lambda packet: True
    await asyncio.sleep(20)
    for channel in channels:
        channel.send("heard")
    await asyncio.sleep(5)
    skips = [chunk for chunk in sent_by(left) if isinstance(chunk, ForwardTsnChunk)]
    assert max(len(chunk.streams) for chunk in skips) == FORWARD_STREAMS_LIMIT
    assert max(map(len, left.link.wire.sent)) <= PACKET
    assert got.count("heard") == len(channels)
    await left.transport.close()
    await right.transport.close()


@in_virtual_time
async def test_abandoning_many_messages_takes_work_in_proportion() -> None:
    left, right = (End(link) for link in media_link())
    ours, _ = await open_pair(left, right, maxRetransmits=0)
    await asyncio.sleep(1)
    sender = association(left)
    sender._cwnd = 100_000
    left.link.wire.keep = lambda packet: False
    works = []
    for count in (200, 800):
        left.transport.receive(left.forge(sack(sender._local_tsn - 1)))
        for _ in range(count):
            ours.send(b"x")
        await asyncio.sleep(0.1)
        assert len(sender._sent_queue) == count
        works.append(lines_run(sender._t3_expired))
        await asyncio.sleep(0.1)
    assert works[1] < 5 * works[0]
    await left.transport.close()
    await right.transport.close()


# How long a packet holds the loop


async def test_messages_that_waited_for_one_come_over_several_turns(
    ends: tuple[End, End],
) -> None:
    left, right = ends
    ours, _ = await open_pair(left, right)
    stream, tsn = ours.id or 0, left.expected_tsn
    got: list[str | bytes] = []
    ours.on("message", got.append)
    count = AHEAD_LIMIT - 1
    for begin in range(1, count, 20):
        chunks = [text(tsn + n, n + 1, stream) for n in range(begin, min(begin + 20, count))]
        left.transport.receive(left.forge(*chunks))
        await asyncio.sleep(0)
    await handled(left)
    assert got == []
    with counted_turns() as turns:
        ours.on("message", turns.note)
        left.transport.receive(left.forge(text(tsn, 1, stream)))
        await handled(left)
    assert got == [str(number + 1) for number in range(count)]
    assert turns.most <= STEPS_PER_TURN


CHUNKS: dict[str, Callable[[int, int], Chunk]] = {
    "data": lambda tsn, n: fragment(tsn + n, stream=n % 400),
    "forward tsn": lambda tsn, n: forward(tsn + n, (n % 400, n)),
    "sack": lambda tsn, n: sack(tsn, (2, 4)),
    "heartbeat": lambda tsn, n: HeartbeatChunk(),
    "reconfig": lambda tsn, n: ReconfigChunk(
        body=pack("!HHLLLH", 13, 18, n, 0, (tsn - 1) % 2**32, n) + bytes(2)
    ),
}


@pytest.mark.parametrize("make", CHUNKS.values(), ids=CHUNKS)
async def test_a_burst_of_sctp_chunks_takes_several_turns(
    ends: tuple[End, End], make: Callable[[int, int], Chunk]
) -> None:
    left, right = ends
    await open_pair(left, right)
    tsn = left.expected_tsn
    with counted_turns() as turns:
        for number in range(40):
            chunks = [make(tsn, 30 * number + each) for each in range(30)]
            left.transport.receive(left.forge(*chunks))
        receive = association(left)._receive_chunk

        async def noted(chunk: Chunk) -> None:
            await receive(chunk)
            turns.note()

        association(left)._receive_chunk = noted  # type: ignore[method-assign]  # to count its calls
        await handled(left)
    assert left.transport.failed == 0
    # Almost all came in later turns, and none had more than its share.
    assert sum(turns.happened.values()) > 900
    assert turns.most <= STEPS_PER_TURN


@in_virtual_time
async def test_a_burst_of_small_messages_is_sent_over_several_turns() -> None:
    left, right = (End(link) for link in media_link())
    ours, theirs = await open_pair(left, right)
    await asyncio.sleep(1)
    got: list[str | bytes] = []
    theirs.on("message", got.append)
    association(left)._cwnd = 1_000_000
    with counted_turns() as turns:
        sent = left.link.wire.sent
        before = len(sent)
        for number in range(1000):
            ours.send(str(number))
        for _ in range(20):
            turns.happened[turns.number] = len(sent) - before
            before = len(sent)
            await asyncio.sleep(0)
    await asyncio.sleep(60)
    assert got == [str(number) for number in range(1000)]
    assert turns.most <= STEPS_PER_TURN // STEPS_PER_DATA
    await left.transport.close()
    await right.transport.close()
