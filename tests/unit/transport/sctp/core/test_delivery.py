"""Delivery by the pure SCTP association: loss, order, limits, windows, in a simulated time."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from itertools import count, pairwise
from typing import Any

import pytest
from aiortc.rtcsctptransport import DataChunk, ForwardTsnChunk, SackChunk, parse_packet
from hypothesis import given, settings
from hypothesis import strategies as st

from peer.transport.sctp.core.chunks import sack_chunk
from peer.transport.sctp.core.settings import SctpSettings
from tests.support.clock.work import lines_run
from tests.support.links.sctp_cores import CoreEnd, CoreLink

PACKET = SctpSettings().packet


def opened(**options: Any) -> CoreLink:
    link = CoreLink(**options)
    link.connect()
    return link


def chunks_of(packet: bytes) -> list[Any]:
    return list(parse_packet(packet)[3])


def has_data(packet: bytes) -> bool:
    return any(isinstance(each, DataChunk) for each in chunks_of(packet))


def data_packets(end: CoreEnd) -> list[list[Any]]:
    return [chunks_of(packet) for packet in end.path.sent if has_data(packet)]


def texts(end: CoreEnd) -> list[bytes]:
    return [message.data for message in end.messages]


class Once:
    """Drops the packets of these numbers, counted over those with DATA."""

    def __init__(self, *dropped: int) -> None:
        self._dropped = dropped
        self._number = -1

    def __call__(self, packet: bytes) -> bool:
        if not has_data(packet):
            return True
        self._number += 1
        return self._number not in self._dropped


# ---- Packets


def test_small_messages_share_packets() -> None:
    link = opened()
    for _ in range(100):
        link.left.send(bytes(63))
    link.run(1)
    assert len(texts(link.right)) == 100
    assert len(data_packets(link.left)) == 8
    assert max(map(len, link.left.path.sent)) <= PACKET


def test_every_other_packet_is_acknowledged_at_once_and_a_single_one_within_the_delay() -> None:
    link = opened()
    late = count()
    link.left.path.delay = lambda packet: 0.01 + 1e-5 * next(late)
    link.left.send(bytes(40_000))
    link.run(1)
    sacks = [p for p in link.right.path.sent if isinstance(chunks_of(p)[0], SackChunk)]
    assert (
        len(data_packets(link.left)) / 2 - 1 <= len(sacks) <= len(data_packets(link.left)) / 2 + 2
    )


def test_the_last_chunk_asks_for_an_answer_at_once() -> None:
    link = opened()
    for _ in range(9):
        link.left.send(bytes(1000))
    link.run(1)
    immediate = [packet[-1].flags & 8 for packet in data_packets(link.left)]
    assert immediate == [0] * 8 + [8]


def test_a_sack_travels_with_data() -> None:
    link = opened()
    link.left.send(b"ping")
    link.run(0.011)
    link.right.send(b"pong")
    link.run(1)
    assert texts(link.left) == [b"pong"]


# ---- Loss


def test_a_lost_packet_among_others_is_repaired_within_a_round_trip() -> None:
    link = opened()
    link.left.path.keep = Once(3)
    begun = link.now
    for number in range(9):
        link.left.send(bytes([number]) * 1100)
    while len(texts(link.right)) < 9:
        link.run(0.001)
    # 20 ms of round trip to hear of it, 10 ms back, and a quarter of one for what is reordered.
    assert link.now - begun < 0.04
    assert link.left.association.sender.retransmitted == 1


def test_a_lost_last_packet_is_probed_before_the_time_out() -> None:
    link = opened()
    link.left.send(b"measured")
    link.run(1)
    link.left.path.keep = Once(0)
    begun = link.now
    link.left.send(b"tail")
    while len(texts(link.right)) < 2:
        link.run(0.001)
    # Two round trips of 20 ms, against an RTO.Min of 0.2 s.
    assert link.now - begun < 0.06


def test_a_lost_retransmission_is_repaired_without_a_time_out() -> None:
    link = opened()
    link.left.send(bytes(60_000))
    link.run(1)
    begun = link.now
    lost: list[int] = []

    def keep(packet: bytes) -> bool:
        numbers = {each.tsn for each in chunks_of(packet) if isinstance(each, DataChunk)}
        first = min(numbers, default=None)
        if first is None or len(lost) == 2 or (lost and first != lost[0]):
            return True
        lost.append(first)
        return False

    link.left.path.keep = keep
    link.left.send(bytes(400_000))
    while len(texts(link.right)) < 2:
        link.run(0.001)
    assert len(lost) == 2
    assert link.left.association.sender.attempts == 0
    assert link.now - begun < 0.3


def test_reordering_alone_costs_few_retransmissions() -> None:
    link = opened()
    source = random.Random(5)
    link.left.path.delay = lambda packet: 0.01 + 0.004 * source.random()
    for _ in range(400):
        link.left.send(bytes(1100))
    link.run(10)
    assert len(texts(link.right)) == 400
    assert link.left.association.sender.retransmitted < 10


def test_after_silence_time_outs_double_and_all_is_sent_again() -> None:
    link = opened()
    link.left.send(b"measured")
    link.run(1)
    begun = link.now
    times: list[float] = []

    def drop(packet: bytes) -> bool:
        times.append(link.now - begun)
        return False

    link.left.path.keep = drop
    link.left.send(b"lost")
    link.run(5)
    gaps = [after - before for before, after in pairwise(times[1:])]
    assert all(after > 1.9 * before for before, after in pairwise(gaps))
    link.left.path.keep = lambda packet: True
    link.run(10)
    assert texts(link.right) == [b"measured", b"lost"]


@pytest.mark.parametrize("ordered", [True, False])
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(1, 6000), min_size=1, max_size=80),
    loss=st.floats(0, 0.3),
    tsn=st.integers(0, 2**32 - 1),
)
def test_each_message_arrives_once_as_it_was_whatever_the_path_does(
    *, ordered: bool, seed: int, sizes: list[int], loss: float, tsn: int
) -> None:
    link = opened(initial_tsn=tsn)
    source = random.Random(seed)
    for end in link.ends:
        end.path.keep = lambda packet: source.random() >= loss
        end.path.delay = lambda packet: 0.01 + 0.03 * (source.random() < loss)
        end.path.copies = lambda packet: 1 + (source.random() < loss)
    messages = [number.to_bytes(2, "big") + source.randbytes(s) for number, s in enumerate(sizes)]
    for number, message in enumerate(messages):
        link.left.send(message, stream=number % 3, ordered=ordered)
        link.right.send(message, ordered=ordered)
    for _ in range(200):
        if all(len(texts(end)) >= len(messages) for end in link.ends):
            break
        link.run(1)
    for end in link.ends:
        end.path.keep = lambda packet: True
    # More than RTO.Max.
    link.run(25)
    assert Counter(texts(link.right)) == Counter(texts(link.left)) == Counter(messages)
    if ordered:
        assert texts(link.left) == messages
        for stream in range(3):
            there = [m.data for m in link.right.messages if m.stream == stream]
            assert there == messages[stream::3]
    assert link.left.association.sender.in_flight.bytes == 0


# ---- Limits of messages


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    retransmits=st.none() | st.integers(0, 2),
    ordered=st.booleans(),
    size=st.sampled_from([10, 3000]),
)
def test_limited_messages_arrive_once_in_order_and_hold_nothing_up(
    seed: int, *, retransmits: int | None, ordered: bool, size: int
) -> None:
    link = opened()
    source = random.Random(seed)
    loss = 0.1
    for end in link.ends:
        end.path.keep = lambda packet: source.random() >= loss
    for number in range(100):
        link.left.send(
            f"{number:0{size}}".encode(),
            ordered=ordered,
            max_retransmits=retransmits,
            expiry=link.now + 0.05 if retransmits is None else None,
        )
        link.run(0.01)
    loss = 0.0
    link.run(30)
    link.left.send(b"end", ordered=ordered)
    link.run(5)
    *numbers, last = texts(link.right)
    assert last == b"end"
    assert len(set(numbers)) == len(numbers) > 10
    if ordered:
        assert numbers == sorted(numbers)
    sender = link.left.association.sender
    assert (sender.queue.size, sender.in_flight.bytes, len(sender.in_flight.chunks)) == (0, 0, 0)


def test_a_message_without_retransmissions_is_sent_once_and_skipped() -> None:
    link = opened()
    link.left.send(b"measured")
    link.run(1)
    link.left.path.keep = Once(0)
    link.left.send(b"lost", max_retransmits=0)
    link.left.send(bytes(1170))
    link.left.send(b"heard")
    link.run(3)
    assert texts(link.right) == [b"measured", bytes(1170), b"heard"]
    forwards = [
        each
        for packet in link.left.path.sent
        for each in chunks_of(packet)
        if isinstance(each, ForwardTsnChunk)
    ]
    assert [each.streams for each in forwards][:1] == [[(0, 1)]]


def test_a_message_whose_time_passes_in_the_queue_is_never_sent() -> None:
    link = opened()
    link.left.path.keep = lambda packet: False
    for _ in range(40):
        link.left.send(bytes(1000))
    link.run(0.1)
    link.left.send(b"old news", expiry=link.now + 0.1)
    link.run(1)
    link.left.path.keep = lambda packet: True
    link.run(30)
    assert b"old news" not in texts(link.right)
    assert len(texts(link.right)) == 40
    assert not any(b"old news" in packet for packet in link.left.path.sent)


# ---- Shares and windows


def test_streams_share_what_goes_by_their_weights() -> None:
    link = opened()
    for _ in range(2000):
        link.left.send(bytes(1000), stream=1, weight=256)
        link.left.send(bytes(1000), stream=2, weight=1024)
    while len(texts(link.right)) < 1000:
        link.run(0.01)
    share = Counter(message.stream for message in link.right.messages[:1000])
    assert 3.5 < share[2] / share[1] < 4.5


def test_a_program_that_does_not_read_stops_the_peer_and_reading_lets_it_go_on() -> None:
    link = opened()
    end = link.right
    unread = 2**20 - 50_000
    end.association.count_unread(unread, link.now)
    link.left.send(b"tell of it")
    link.run(1)
    for _ in range(200):
        link.left.send(bytes(1000))
    link.run(0.05)
    end.association.count_unread(50_000, link.now)
    link.run(5)
    waiting = link.left.association.sender.queue.size
    assert waiting > 50_000
    # What says that the window is open again is lost.
    end.path.keep = lambda packet: False
    end.association.count_unread(-(2**20), link.now)
    link.run(0.1)
    end.path.keep = lambda packet: True
    link.run(40)
    assert link.left.association.sender.queue.size == 0
    assert len(texts(end)) == 201


def test_work_of_a_sack_does_not_grow_with_the_window() -> None:
    works = []
    for number in (200, 2000):
        link = opened()
        sender = link.left.association.sender
        sender.window.size = 10**7
        link.left.path.keep = lambda packet: False
        for _ in range(number):
            link.left.send(bytes(1100), ordered=False)
        link.flush()
        base = sender.last_tsn - number
        # All but the first have come; the next SACK says one more.
        for last in (number - 2, number - 1):
            wire = sack_chunk(
                cumulative=base % 2**32, window=2**20, gaps=[(2, last)], duplicates=[]
            )
            body = wire[4:]
            on_sack = partial(sender.on_sack, body, link.now + 1e-9)
            works.append(lines_run(on_sack))
    assert works[3] < works[1] + 20
