"""Owns the record of what arrived when, for the sender's congestion control."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from peer.rtp.rtcp import TransportFeedback

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds from a packet to the feedback that tells of it, at most.
FEEDBACK_INTERVAL = 0.1
#: Packets that make feedback due at once: at 20 Mbit/s about each 50 ms.
FEEDBACK_PACKETS = 100
#: Numbers that one feedback spans at most: what a peer loses beyond is not told.
SPAN_LIMIT = 2048
#: Seconds for which arrivals are kept to be told again, where an earlier number comes late.
KEPT = 0.5

_TICKS_PER_SECOND = 4000
_TICKS_PER_REFERENCE = 256
_KEPT_TICKS = int(KEPT * _TICKS_PER_SECOND)
_HALF = 0x8000
_NUMBERS = 0xFFFF
# 16 bits with sign is what one arrival may be from the one before it in numbers.
_APART = 0x7FFF


class TwccRecorder:
    """Makes transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).

    Args:
        sender_ssrc: Of us in the feedback.

    Attributes:
        deadline: When `feedback` is to be called and sent; None while there is nothing to tell.
    """

    def __init__(self, sender_ssrc: int) -> None:
        self.sender_ssrc = sender_ssrc
        self.deadline: float | None = None
        self._media_ssrc = 0
        self._count = 0
        self._waiting = 0
        # By numbers that count on where those of 16 bits wrap.
        self._arrivals: dict[int, int] = {}
        self._latest: int | None = None
        self._begin = 0

    def record(self, number: int, ssrc: int, arrival: float) -> bool:
        """Note a packet's transport-wide number, 16 bits; True when feedback is due at once."""
        latest = self._latest
        if latest is None:
            latest = self._latest = self._begin = number
        else:
            ahead = (number - latest) & _NUMBERS
            if ahead < _HALF:
                number = self._latest = latest + ahead
            else:
                number = latest + ahead - _NUMBERS - 1
                if number <= latest - SPAN_LIMIT:
                    return False
                self._begin = min(self._begin, number)
        if number in self._arrivals:
            return False
        self._arrivals[number] = int(arrival * _TICKS_PER_SECOND)
        self._media_ssrc = ssrc
        self._waiting += 1
        if self.deadline is None:
            self.deadline = arrival + FEEDBACK_INTERVAL
        return self._waiting >= FEEDBACK_PACKETS

    def feedback(self) -> tuple[TransportFeedback, ...]:
        """All that was not yet told; mostly one, and several where the numbers jumped."""
        if not self._waiting or self._latest is None:
            return ()
        numbers = sorted(each for each in self._arrivals if each >= self._begin)
        told = tuple(self._packet(begin, part) for begin, part in self._parts(self._begin, numbers))
        self.deadline = None
        self._waiting = 0
        self._begin = self._latest + 1
        self._forget(self._arrivals[numbers[-1]])
        return told

    def _parts(self, begin: int, numbers: Sequence[int]) -> Iterable[tuple[int, list[int]]]:
        """What goes into one packet each: the number it begins with, and those that arrived."""
        part: list[int] = []
        for number in numbers:
            if part and (
                number - begin >= SPAN_LIMIT
                or abs(self._arrivals[number] - self._arrivals[part[-1]]) > _APART
            ):
                yield begin, part
                begin, part = part[-1] + 1, []
            if number - begin >= SPAN_LIMIT:
                begin = number
            part.append(number)
        yield begin, part

    def _packet(self, begin: int, numbers: Sequence[int]) -> TransportFeedback:
        ticks = self._arrivals
        reference = ticks[numbers[0]] // _TICKS_PER_REFERENCE
        start = reference * _TICKS_PER_REFERENCE
        statuses: list[int | None] = [None] * (numbers[-1] - begin + 1)
        for number in numbers:
            statuses[number - begin] = ticks[number] - start
        count = self._count
        self._count = (count + 1) & 0xFF
        return TransportFeedback(
            sender_ssrc=self.sender_ssrc,
            media_ssrc=self._media_ssrc,
            count=count,
            base_sequence=begin & _NUMBERS,
            # 24 bits with sign.
            reference_time=((reference + 0x800000) & 0xFFFFFF) - 0x800000,
            arrivals=tuple(statuses),
        )

    def _forget(self, latest_ticks: int) -> None:
        first = self._begin - SPAN_LIMIT
        oldest = latest_ticks - _KEPT_TICKS
        self._arrivals = {
            number: ticks
            for number, ticks in self._arrivals.items()
            if number >= first and ticks >= oldest
        }
