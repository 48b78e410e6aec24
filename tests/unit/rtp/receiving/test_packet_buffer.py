"""Packets that wait for missing ones, and gaps that are skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.nack import MISSING_LIMIT, NackTracker
from peer.rtp.receiving.packet_buffer import (
    GAP_LIMIT,
    OUTAGE_GAP,
    OUTAGE_SECONDS,
    WAITING_LIMIT,
    InsertResult,
    PacketBuffer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.rtp.receiving.packet_buffer import BufferedPacket

FIRST = 1000
LOST = -1


class Line:
    """A packet buffer that begins with `FIRST`, and the packets that it delivered."""

    def __init__(self) -> None:
        self.delivered: list[int] = []
        self.nack_tracker = NackTracker(enabled=True)
        self.buffer = PacketBuffer(
            FIRST,
            self.nack_tracker,
            deliver=lambda packet, level, arrival: self.delivered.append(packet.timestamp),
            on_lost=lambda: self.delivered.append(LOST),
        )

    def insert(self, number: int, now: float = 0.0, silence: float = 0.0) -> InsertResult:
        packet = RtpPacket(
            payload_type=96, sequence_number=number % 65536, timestamp=number, ssrc=1
        )
        return self.buffer.insert(number, (packet, None, now), silence=silence)


def test_packets_in_order_pass_packet_buffer() -> None:
    line = Line()
    assert [line.insert(FIRST), line.insert(FIRST + 1)] == [
        InsertResult.DELIVERED,
        InsertResult.DELIVERED,
    ]
    assert line.delivered == [FIRST, FIRST + 1]


def test_early_packet_waits_for_missing_one() -> None:
    line = Line()
    line.insert(FIRST)
    assert line.insert(FIRST + 2, 7.0) is InsertResult.BUFFERED
    assert line.delivered == [FIRST]
    assert line.buffer.blocked_since == 7.0
    assert line.insert(FIRST + 1, 7.1) is InsertResult.FILLED_GAP
    assert line.delivered == [FIRST, FIRST + 1, FIRST + 2]
    assert line.buffer.blocked_since is None


def test_packet_buffer_tells_duplicates() -> None:
    line = Line()
    line.insert(FIRST)
    line.insert(FIRST + 2)
    assert line.insert(FIRST) is InsertResult.DUPLICATE
    assert line.insert(FIRST + 2) is InsertResult.DUPLICATE


def test_skipped_gap_delivers_packets_that_wait() -> None:
    line = Line()
    for number in (FIRST, FIRST + 3, FIRST + 4, FIRST + 6):
        line.insert(number)
    line.buffer.skip_gap()
    assert line.delivered == [FIRST, LOST, FIRST + 3, FIRST + 4]
    line.buffer.skip_gap()
    assert line.delivered[-2:] == [LOST, FIRST + 6]


def test_packet_of_skipped_gap_is_late_and_says_lateness() -> None:
    line = Line()
    line.insert(FIRST, 5.0)
    line.insert(FIRST + 2, 5.1)
    line.buffer.skip_gap()
    assert line.insert(FIRST + 1, 5.4) is InsertResult.LATE
    assert 0.29 < line.buffer.lateness < 0.31
    assert line.delivered == [FIRST, LOST, FIRST + 2]


def test_gap_beyond_limit_is_skipped_at_once() -> None:
    line = Line()
    line.insert(FIRST)
    line.insert(FIRST + 2 + GAP_LIMIT)
    assert line.delivered == [FIRST, LOST, FIRST + 2 + GAP_LIMIT]
    assert len(line.nack_tracker) == 0


def test_gap_up_to_limit_is_waited_for() -> None:
    line = Line()
    line.insert(FIRST)
    line.insert(FIRST + 1 + GAP_LIMIT)
    assert line.delivered == [FIRST]
    assert len(line.nack_tracker) == GAP_LIMIT


def test_number_of_missing_packets_is_limited() -> None:
    line = Line()
    apart = GAP_LIMIT // 2 + 1
    for at in range(MISSING_LIMIT // (apart - 1) + 2):
        line.insert(FIRST + at * apart)
    assert line.delivered[-2] == LOST
    assert len(line.nack_tracker) == 0


def test_gap_of_outage_is_skipped_at_once() -> None:
    line = Line()
    line.insert(FIRST)
    line.insert(FIRST + 2 + OUTAGE_GAP, silence=OUTAGE_SECONDS + 0.1)
    assert line.delivered == [FIRST, LOST, FIRST + 2 + OUTAGE_GAP]


def test_small_gap_after_pause_is_waited_for() -> None:
    line = Line()
    line.insert(FIRST)
    line.insert(FIRST + 2, silence=60.0)
    assert line.delivered == [FIRST]


def test_number_of_waiting_packets_is_limited() -> None:
    line = Line()
    for number in range(FIRST + 1, FIRST + 2 + WAITING_LIMIT):
        line.insert(number)
    assert line.delivered[:2] == [LOST, FIRST + 1]
    assert not line.buffer.waiting


class Looked(dict[int, "BufferedPacket"]):
    """Waiting packets, which count how many of them are looked through."""

    looked = 0

    def __iter__(self) -> Iterator[int]:
        self.looked += len(self)
        return super().__iter__()


def test_a_large_gap_after_many_small_ones_takes_work_in_proportion() -> None:
    line, gaps = Line(), 240
    line.insert(FIRST)
    for number in range(gaps):
        line.insert(FIRST + 2 + 2 * number)
    line.buffer.waiting = waiting = Looked(line.buffer.waiting)
    end = FIRST + 2 * gaps + GAP_LIMIT + 2
    line.insert(end)
    assert line.delivered[-1] == end
    assert waiting.looked <= gaps


def test_drop_before_drops_packets_that_wait_before() -> None:
    line = Line()
    for number in (FIRST, FIRST + 2, FIRST + 4, FIRST + 5):
        line.insert(number)
    line.buffer.drop_before(FIRST + 4)
    assert line.delivered == [FIRST, LOST, FIRST + 4, FIRST + 5]
    assert len(line.nack_tracker) == 0


def test_restart_delivers_waiting_packets_first() -> None:
    line = Line()
    line.insert(FIRST)
    line.insert(FIRST + 2)
    line.buffer.restart(FIRST + 30_000)
    line.insert(FIRST + 30_000)
    assert line.delivered == [FIRST, LOST, FIRST + 2, LOST, FIRST + 30_000]


def test_packet_buffer_may_be_cleared_within_delivery() -> None:
    line = Line()
    buffer = PacketBuffer(
        FIRST,
        line.nack_tracker,
        deliver=lambda packet, level, arrival: buffer.clear(),
        on_lost=lambda: None,
    )
    for number in (FIRST + 1, FIRST):
        packet = RtpPacket(payload_type=96, sequence_number=number, timestamp=0, ssrc=1)
        buffer.insert(number, (packet, None, 0.0))
    assert not buffer.waiting
    assert buffer.next == FIRST + 2
