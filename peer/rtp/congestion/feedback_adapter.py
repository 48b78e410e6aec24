"""Matches transport-wide feedback with the packets that were sent. PURE."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from peer.rtp.rtcp.transport_feedback import REFERENCE_UNIT, TICK
from peer.times import MonotonicTime
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp.rtcp import TransportFeedback

#: Sent packets remembered (ours). A power of two, so that an index is some bits of the number.
SENT_PACKETS = 8192

_MASK = SENT_PACKETS - 1
#: Mask of 16 bits: transport-wide sequence numbers.
_SEQUENCE_MASK = 0xFFFF
#: Values of the reference time before it wraps: 24 bits
#: (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
_REFERENCE_SPAN = 1 << 24

#: A packet that arrived: when it was sent, when it arrived by the peer's clock in seconds, octets.
AckedPacket: TypeAlias = tuple[MonotonicTime, float, int]


@dataclass(frozen=True, slots=True)
class FeedbackResult:
    """The news in one feedback packet.

    Args:
        packets: Packets reported as arrived for the first time, in the order of sending.
        lost: Packets reported as missing for the first time, less those reported missing before
            that arrived after all; below zero where the latter are more.
        lost_sizes: Octets of each packet reported as missing for the first time.
    """

    packets: list[AckedPacket]
    lost: int
    lost_sizes: list[int]


class TransportFeedbackAdapter:
    """Remembers the latest packets of a transport by transport-wide sequence number, in a ring.

    The ring is made with the first packet: half of what a connection holds that sends no media.
    """

    def __init__(self) -> None:
        self._times = array("d")
        # 0: not sent, or reported as arrived. Below 0: reported as missing.
        self._sizes = array("i")
        self._numbers = array("H")
        self._reference: int | None = None

    def add_packets(self, first: int, sizes: Sequence[int], now: MonotonicTime) -> None:
        """Remember packets that are sent now, with consecutive sequence numbers.

        Args:
            first: Transport-wide sequence number of the first packet, 16 bits.
            sizes: Octets of each packet.
            now: Time of sending.
        """
        times, ring, numbers = self._times, self._sizes, self._numbers
        if not ring:
            times.frombytes(bytes(times.itemsize * SENT_PACKETS))
            ring.frombytes(bytes(ring.itemsize * SENT_PACKETS))
            numbers.frombytes(bytes(numbers.itemsize * SENT_PACKETS))
        number = first
        for size in sizes:
            index = number & _MASK
            times[index] = now
            ring[index] = size
            numbers[index] = number
            number = (number + 1) & _SEQUENCE_MASK

    def process(self, feedback: TransportFeedback) -> FeedbackResult:
        """Match feedback with sent packets; numbers never sent, or reported before, are ignored."""
        start = self._reference_time(feedback.reference_time)
        times, sizes, numbers = self._times, self._sizes, self._numbers
        if not sizes:
            return FeedbackResult([], 0, [])
        packets: list[AckedPacket] = []
        lost = 0
        lost_sizes: list[int] = []
        # No more are remembered, whatever the feedback spans.
        passed = max(0, len(feedback.arrivals) - SENT_PACKETS)
        number = (feedback.base_sequence + passed) & _SEQUENCE_MASK
        for ticks in feedback.arrivals[passed:] if passed else feedback.arrivals:
            index = number & _MASK
            size = sizes[index]
            if size and numbers[index] == number:
                if ticks is None:
                    if size > 0:
                        lost += 1
                        lost_sizes.append(size)
                        sizes[index] = -size
                else:
                    if size < 0:
                        lost -= 1
                        size = -size
                    sizes[index] = 0
                    packets.append((times[index], start + ticks * TICK, size))
            number = (number + 1) & _SEQUENCE_MASK
        return FeedbackResult(packets, lost, lost_sizes)

    def _reference_time(self, reference: int) -> float:
        former = self._reference
        if former is not None:
            # The nearer way round the 24 bits is meant.
            ahead = (reference - former + _REFERENCE_SPAN // 2) % _REFERENCE_SPAN
            reference = former + ahead - _REFERENCE_SPAN // 2
        self._reference = reference
        return reference * REFERENCE_UNIT
