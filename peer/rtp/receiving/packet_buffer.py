"""Owns the order of packets: what came early waits for what is missing, within bounds."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING

from peer.rtp.receiving.nack import MISSING_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.levels import AudioLevel
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.nack import NackTracker

#: Packets that may wait for others.
WAITING_LIMIT = 1024
#: A gap of more packets than this is given up at once.
GAP_LIMIT = 256
#: So is one of more packets than this, after silence of so many seconds: what was sent in an outage
#: is too old to be worth the time that its repair takes.
OUTAGE_GAP = 32
OUTAGE_SECONDS = 1.0
#: Gaps given up that are remembered, to learn how much later the packets came.
_GIVEN_UP_LIMIT = 64

Item = tuple["RtpPacket", "AudioLevel | None", float]


class InsertResult(Enum):
    """What became of a packet."""

    NEXT = auto()
    FILLED = auto()
    WAITS = auto()
    DUPLICATE = auto()
    LATE = auto()


class PacketBuffer:
    """Delivers packets by their extended numbers, each once.

    Args:
        first: The number to begin with.
        missing: Keeps the numbers that are skipped.
        deliver: Gets each packet in its turn.
        on_lost: Called where packets are given up, before the one that follows them is delivered.

    Attributes:
        next: The number to deliver next.
        waiting: Those that came early.
        lateness: Of the last packet that was missed and came, in seconds, given up or not; 0 where
            it is not known.
    """

    __slots__ = (
        "_deliver",
        "_end",
        "_given_up",
        "_missing",
        "_on_lost",
        "lateness",
        "next",
        "waiting",
    )

    def __init__(
        self,
        first: int,
        missing: NackTracker,
        *,
        deliver: Callable[[RtpPacket, AudioLevel | None, float], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.next = first
        self.waiting: dict[int, Item] = {}
        self.lateness = 0.0
        self._end = first
        self._missing = missing
        self._deliver = deliver
        self._on_lost = on_lost
        self._given_up: deque[tuple[int, int, float | None]] = deque(maxlen=_GIVEN_UP_LIMIT)

    @property
    def head_since(self) -> float | None:
        """When the packet was missed for which others wait; None where none do."""
        return self._missing.since(self.next) if self.waiting else None

    def put(
        self, number: int, item: Item, *, silence: float = 0.0, repaired: bool | None = False
    ) -> InsertResult:
        """Deliver it, or keep it until its turn.

        Args:
            number: Extended.
            item: The packet, how loud it is, and when it came.
            silence: Seconds without any packet before this one.
            repaired: Whether it was sent again; None where that cannot be told.
        """
        now = item[2]
        if number < self.next:
            return self._behind(number, now)
        end = max(self._end, self.next)
        filled = False
        if number < end:
            lateness = self._missing.came(number, now, repaired=repaired)
            if lateness is None:
                return InsertResult.DUPLICATE
            self.lateness = lateness
            filled = True
        else:
            if number > end:
                self._note_gap(end, number, now, silence)
            self._end = number + 1
        if number != self.next:
            self.waiting[number] = item
            if len(self.waiting) > WAITING_LIMIT:
                self.give_up()
            return InsertResult.FILLED if filled else InsertResult.WAITS
        # Before it is delivered: whoever gets it may call back.
        self.next = number + 1
        self._deliver(*item)
        self._drain()
        return InsertResult.FILLED if filled else InsertResult.NEXT

    def give_up(self) -> None:
        """Go on with the first packet that waits."""
        if self.waiting:
            waiting, at = self.waiting, self.next
            while at not in waiting:
                at += 1
            self._skip(at)
            self._drain()

    def give_up_to(self, number: int) -> None:
        """Go on with this packet; what waits before it is delivered first."""
        while self.waiting and min(self.waiting) < number:
            self.give_up()
        if self.next < number:
            self._skip(number)
            self._drain()

    def drop_to(self, number: int) -> None:
        """Go on with this packet; what waits before it is dropped."""
        waiting = self.waiting
        for at in [each for each in waiting if each < number]:
            del waiting[at]
        self._skip(number)
        self._drain()

    def restart(self, number: int) -> None:
        """Deliver what waits, and go on with a number that has nothing to do with those before."""
        while self.waiting:
            self.give_up()
        self._missing.clear()
        self.next = self._end = number
        self._on_lost()

    def clear(self) -> None:
        """Drop what waits."""
        self.waiting.clear()
        self._missing.clear()
        self.next = max(self.next, self._end)

    def _note_gap(self, first: int, number: int, now: float, silence: float) -> None:
        length = number - first
        if (
            length > GAP_LIMIT
            or length + len(self._missing) > MISSING_LIMIT
            or (length > OUTAGE_GAP and silence > OUTAGE_SECONDS)
        ):
            self.give_up_to(number)
        else:
            self._missing.note(first, number, now)

    def _skip(self, number: int) -> None:
        first = self.next
        since = self._missing.since(first)
        self._missing.forget(first, number)
        self._given_up.append((first, number, since))
        self.next = number
        self._on_lost()

    def _drain(self) -> None:
        while self.waiting and (item := self.waiting.pop(self.next, None)) is not None:
            self.next += 1
            self._deliver(*item)

    def _behind(self, number: int, now: float) -> InsertResult:
        for first, end, since in self._given_up:
            if first <= number < end:
                self.lateness = 0.0 if since is None else now - since
                return InsertResult.LATE
        return InsertResult.DUPLICATE
