"""Owns what was sent when, by transport-wide number, until the peer has told what became of it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.rtp.rtcp.transport_feedback import REFERENCE_UNIT, TICK

if TYPE_CHECKING:
    from peer.rtp.rtcp import TransportFeedback

#: Packets. A power of two, so that a place is some bits of the number.
SENT_PACKETS = 8192

_MASK = SENT_PACKETS - 1
_NUMBERS = 0xFFFF
_REFERENCE_SPAN = 1 << 24


@dataclass(frozen=True, slots=True)
class FeedbackResult:
    """What one feedback tells that was not known.

    Args:
        packets: Of each packet that arrived, in the order of sending: when it was sent, when it
            arrived by the peer's clock (both in seconds), and its octets.
        lost: Packets that were not there; below zero where some came after they were told missed.
    """

    packets: list[tuple[float, float, int]]
    lost: int


class TransportFeedbackAdapter:
    """A ring of what was sent; the oldest makes place for the latest."""

    def __init__(self) -> None:
        self._times = array("d", bytes(8 * SENT_PACKETS))
        # 0: not sent, or told of before. Below 0: told to be missing.
        self._sizes = array("i", bytes(4 * SENT_PACKETS))
        self._numbers = array("H", bytes(2 * SENT_PACKETS))
        self._reference: int | None = None

    def add(self, first: int, packets: Sequence[int], now: float) -> None:
        """Note packets: the number of the first, 16 bits, octets of each, and when they are sent.

        The others have the numbers after that.
        """
        times, sizes, numbers = self._times, self._sizes, self._numbers
        number = first
        for size in packets:
            place = number & _MASK
            times[place] = now
            sizes[place] = size
            numbers[place] = number
            number = (number + 1) & _NUMBERS

    def deliver(self, feedback: TransportFeedback) -> FeedbackResult:
        """Take what the peer tells; what was never sent, or was told before, counts for nothing."""
        start = self._reference_time(feedback.reference_time)
        times, sizes, numbers = self._times, self._sizes, self._numbers
        packets: list[tuple[float, float, int]] = []
        lost = 0
        number = feedback.base_sequence
        for ticks in feedback.arrivals:
            place = number & _MASK
            size = sizes[place]
            if size and numbers[place] == number:
                if ticks is None:
                    if size > 0:
                        lost += 1
                        sizes[place] = -size
                else:
                    if size < 0:
                        lost -= 1
                        size = -size
                    sizes[place] = 0
                    packets.append((times[place], start + ticks * TICK, size))
            number = (number + 1) & _NUMBERS
        return FeedbackResult(packets, lost)

    def _reference_time(self, reference: int) -> float:
        former = self._reference
        if former is not None:
            # 24 bits with sign, that wrap: the nearer way round is meant.
            ahead = (reference - former + _REFERENCE_SPAN // 2) % _REFERENCE_SPAN
            reference = former + ahead - _REFERENCE_SPAN // 2
        self._reference = reference
        return reference * REFERENCE_UNIT
