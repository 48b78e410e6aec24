"""Packets that wait for others, and gaps that are given up."""

from __future__ import annotations

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

FIRST = 1000
LOST = -1


class Line:
    """An ordering that begins with `FIRST`, and what it delivered."""

    def __init__(self) -> None:
        self.delivered: list[int] = []
        self.missing = NackTracker(asks=True)
        self.ordering = PacketBuffer(
            FIRST,
            self.missing,
            deliver=lambda packet, level, arrival: self.delivered.append(packet.timestamp),
            on_lost=lambda: self.delivered.append(LOST),
        )

    def put(self, number: int, now: float = 0.0, silence: float = 0.0) -> InsertResult:
        packet = RtpPacket(
            payload_type=96, sequence_number=number % 65536, timestamp=number, ssrc=1
        )
        return self.ordering.put(number, (packet, None, now), silence=silence)


def test_in_order_they_pass() -> None:
    line = Line()
    assert [line.put(FIRST), line.put(FIRST + 1)] == [InsertResult.NEXT, InsertResult.NEXT]
    assert line.delivered == [FIRST, FIRST + 1]


def test_one_that_is_early_waits() -> None:
    line = Line()
    line.put(FIRST)
    assert line.put(FIRST + 2, 7.0) is InsertResult.WAITS
    assert line.delivered == [FIRST]
    assert line.ordering.head_since == 7.0
    assert line.put(FIRST + 1, 7.1) is InsertResult.FILLED
    assert line.delivered == [FIRST, FIRST + 1, FIRST + 2]
    assert line.ordering.head_since is None


def test_duplicates_are_told() -> None:
    line = Line()
    line.put(FIRST)
    line.put(FIRST + 2)
    assert line.put(FIRST) is InsertResult.DUPLICATE
    assert line.put(FIRST + 2) is InsertResult.DUPLICATE


def test_giving_up_goes_on_with_what_waits() -> None:
    line = Line()
    for number in (FIRST, FIRST + 3, FIRST + 4, FIRST + 6):
        line.put(number)
    line.ordering.give_up()
    assert line.delivered == [FIRST, LOST, FIRST + 3, FIRST + 4]
    line.ordering.give_up()
    assert line.delivered[-2:] == [LOST, FIRST + 6]


def test_what_was_given_up_is_late_and_tells_how_much() -> None:
    line = Line()
    line.put(FIRST, 5.0)
    line.put(FIRST + 2, 5.1)
    line.ordering.give_up()
    assert line.put(FIRST + 1, 5.4) is InsertResult.LATE
    assert 0.29 < line.ordering.lateness < 0.31
    assert line.delivered == [FIRST, LOST, FIRST + 2]


def test_a_gap_beyond_the_limit_is_given_up_at_once() -> None:
    line = Line()
    line.put(FIRST)
    line.put(FIRST + 2 + GAP_LIMIT)
    assert line.delivered == [FIRST, LOST, FIRST + 2 + GAP_LIMIT]
    assert len(line.missing) == 0


def test_a_gap_up_to_the_limit_is_waited_for() -> None:
    line = Line()
    line.put(FIRST)
    line.put(FIRST + 1 + GAP_LIMIT)
    assert line.delivered == [FIRST]
    assert len(line.missing) == GAP_LIMIT


def test_only_so_many_are_missing_at_once() -> None:
    line = Line()
    apart = GAP_LIMIT // 2 + 1
    for at in range(MISSING_LIMIT // (apart - 1) + 2):
        line.put(FIRST + at * apart)
    assert line.delivered[-2] == LOST
    assert len(line.missing) == 0


def test_what_an_outage_took_is_given_up_at_once() -> None:
    line = Line()
    line.put(FIRST)
    line.put(FIRST + 2 + OUTAGE_GAP, silence=OUTAGE_SECONDS + 0.1)
    assert line.delivered == [FIRST, LOST, FIRST + 2 + OUTAGE_GAP]


def test_a_small_loss_after_a_pause_is_waited_for() -> None:
    line = Line()
    line.put(FIRST)
    line.put(FIRST + 2, silence=60.0)
    assert line.delivered == [FIRST]


def test_only_so_many_wait() -> None:
    line = Line()
    for number in range(FIRST + 1, FIRST + 2 + WAITING_LIMIT):
        line.put(number)
    assert line.delivered[:2] == [LOST, FIRST + 1]
    assert not line.ordering.waiting


def test_dropping_leaves_out_what_waits_before() -> None:
    line = Line()
    for number in (FIRST, FIRST + 2, FIRST + 4, FIRST + 5):
        line.put(number)
    line.ordering.drop_to(FIRST + 4)
    assert line.delivered == [FIRST, LOST, FIRST + 4, FIRST + 5]
    assert len(line.missing) == 0


def test_a_restart_delivers_what_waits_first() -> None:
    line = Line()
    line.put(FIRST)
    line.put(FIRST + 2)
    line.ordering.restart(FIRST + 30_000)
    line.put(FIRST + 30_000)
    assert line.delivered == [FIRST, LOST, FIRST + 2, LOST, FIRST + 30_000]


def test_whoever_gets_a_packet_may_clear_the_rest() -> None:
    line = Line()
    ordering = PacketBuffer(
        FIRST,
        line.missing,
        deliver=lambda packet, level, arrival: ordering.clear(),
        on_lost=lambda: None,
    )
    for number in (FIRST + 1, FIRST):
        packet = RtpPacket(payload_type=96, sequence_number=number, timestamp=0, ssrc=1)
        ordering.put(number, (packet, None, 0.0))
    assert not ordering.waiting
    assert ordering.next == FIRST + 2
