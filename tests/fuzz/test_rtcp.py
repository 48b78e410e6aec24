"""Spoilt RTCP: nothing but `MalformedError` comes of it, and little memory is taken.

INPUTS says how many datagrams; it was run with 100,000.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from aiortc import rtp as theirs

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp import (
    FullIntraRequest,
    Goodbye,
    Nack,
    PictureLossIndication,
    ReceiverEstimatedMaximumBitrate,
    ReceiverReport,
    ReceptionReport,
    RtcpPacket,
    SenderReport,
    SourceDescription,
    TransportFeedback,
    UnknownPacket,
    parse,
    write,
)
from tests.support.captures.mutation import Mutator

if TYPE_CHECKING:
    from collections.abc import Callable

INPUTS = int(os.environ.get("INPUTS", "2000"))

pytestmark = pytest.mark.timeout(300 + INPUTS // 50)


class Source:
    """Any packets, repeatable by seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._kinds: tuple[Callable[[], RtcpPacket], ...] = (
            lambda: SenderReport(
                self.word(),
                self.random.randrange(1 << 64),
                self.word(),
                self.word(),
                self.word(),
                self.reports(),
            ),
            lambda: ReceiverReport(self.word(), self.reports()),
            lambda: SourceDescription(
                tuple((ssrc, "é" * self.random.randrange(20)) for ssrc in self.few())
            ),
            lambda: Goodbye(self.few()),
            lambda: Nack(self.word(), self.word(), self.lost()),
            lambda: PictureLossIndication(self.word(), self.word()),
            lambda: FullIntraRequest(
                self.word(), tuple((ssrc, self.random.randrange(256)) for ssrc in self.few())
            ),
            lambda: ReceiverEstimatedMaximumBitrate(
                self.word(), self.random.randrange(1 << 18) << self.random.randrange(20), self.few()
            ),
            lambda: TransportFeedback(
                self.word(),
                self.word(),
                self.random.randrange(256),
                self.random.randrange(1 << 16),
                self.random.randrange(-(1 << 23), 1 << 23),
                self.arrivals(),
            ),
            lambda: UnknownPacket(
                self.random.choice([192, 204, 207]),
                self.random.randrange(32),
                self.random.randbytes(4 * self.random.randrange(6)),
            ),
        )

    def word(self) -> int:
        return self.random.randrange(1 << 32)

    def words(self, count: int) -> tuple[int, ...]:
        return tuple(self.word() for _ in range(count))

    def few(self) -> tuple[int, ...]:
        return self.words(self.random.randrange(4))

    def reports(self) -> tuple[ReceptionReport, ...]:
        return tuple(
            ReceptionReport(
                ssrc,
                self.random.randrange(256),
                self.random.randrange(-(1 << 23), 1 << 23),
                *self.words(4),
            )
            for ssrc in self.few()
        )

    def lost(self) -> tuple[int, ...]:
        first = self.random.randrange(1 << 16)
        distances = sorted(self.random.sample(range(100), self.random.randrange(20)))
        return tuple((first + distance) & 0xFFFF for distance in distances)

    def arrivals(self) -> tuple[int | None, ...]:
        step = self.random.choice([10, 400])
        now, arrivals = 0, []
        for _ in range(self.random.randint(1, 60)):
            now += self.random.randint(-step, step)
            arrivals.append(None if self.random.random() < 0.3 else now)
        return tuple(arrivals)

    def compound(self) -> list[RtcpPacket]:
        kinds = self.random.choices(self._kinds, k=self.random.randint(1, 4))
        return [make() for make in kinds]


def test_rtcp_packets_are_read_as_they_were_written() -> None:
    source = Source(1)
    for _ in range(INPUTS):
        packets = source.compound()
        assert parse(write(packets)) == packets


def test_aiortc_reads_what_we_write_and_we_what_it_writes() -> None:
    source = Source(2)
    for _ in range(INPUTS):
        for packet in source.compound():
            match packet:
                case TransportFeedback() | UnknownPacket() | FullIntraRequest():
                    continue
                case Nack(lost=()) | Goodbye(ssrcs=()):
                    continue
                # It looks for the second chunk right after the end of the first, not at the word.
                case SourceDescription(chunks) if len(chunks) != 1:
                    continue
                case _:
                    data = write([packet])
            (read,) = theirs.RtcpPacket.parse(data)
            if isinstance(read, theirs.RtcpRtpfbPacket) and isinstance(packet, Nack):
                # It lets numbers go on beyond 16 bits, and cannot write what comes after.
                assert tuple(number & 0xFFFF for number in read.lost) == packet.lost
                if packet.lost[0] > packet.lost[-1]:
                    continue
            assert parse(bytes(read)) == [packet]


def longest_name(packets: list[RtcpPacket]) -> int:
    return max(
        (
            len(name.encode())
            for packet in packets
            if isinstance(packet, SourceDescription)
            for _, name in packet.chunks
        ),
        default=0,
    )


def told(packets: list[RtcpPacket]) -> int:
    """How many packets they tell of."""
    return sum(
        len(packet.arrivals)
        if isinstance(packet, TransportFeedback)
        else len(packet.lost)
        if isinstance(packet, Nack)
        else 0
        for packet in packets
    )


def test_spoilt_datagrams_are_malformed_or_other_packets() -> None:
    source = Source(3)
    spoilt = Mutator([write(source.compound()) for _ in range(300)], seed=4)
    read = 0
    for _ in range(INPUTS):
        data = spoilt()
        try:
            packets = parse(data)
        except MalformedError:
            continue
        read += 1
        assert len(packets) <= len(data) // 4
        assert told(packets) <= 0xFFFF + 17 * len(data) // 4
        # Octets that are no UTF-8 become more of it than there were.
        if longest_name(packets) <= 255:
            once = write(packets)
            assert write(parse(once)) == once
    assert read > INPUTS // 20


def test_octets_after_an_rtcp_header_are_a_packet_or_malformed() -> None:
    source = random.Random(5)
    formats = [(200, None), (201, None), (202, None), (203, None), (205, 1), (205, 15)]
    formats += [(206, 1), (206, 4), (206, 15), (206, None), (205, None)]
    read = 0
    for _ in range(INPUTS):
        packet_type, count = source.choice(formats)
        words = source.randrange(12)
        body = source.randbytes(4 * words)
        if source.random() < 0.5:
            # So that counts and lengths are small and some fit.
            body = bytes(octet & source.choice([0x03, 0xFF, 0x00]) for octet in body)
        first = 0x80 | (source.randrange(4) if count is None else count)
        data = bytes((first, packet_type)) + words.to_bytes(2, "big") + body
        try:
            packets = parse(data)
        except MalformedError:
            continue
        read += 1
        assert len(packets) == 1
    assert read > INPUTS // 20
