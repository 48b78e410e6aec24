"""Puts the RTP packets of one SSRC in order: early ones wait for missing ones, in bounds. PURE."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from peer.rtp.receiving.nack import MISSING_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.levels import AudioLevel
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.nack import NackTracker
    from peer.times import MonotonicTime, Seconds

#: Limit of the packets that wait for a missing one (ours).
WAITING_LIMIT = 1024
#: Largest gap, in packets, that is waited for (ours).
GAP_LIMIT = 256
#: Largest gap, in packets, that is waited for after an outage: what was sent in one is too old to
#: be worth the time of its retransmission (ours).
OUTAGE_GAP = 32
#: Seconds without a packet that count as an outage (ours).
OUTAGE_SECONDS = 1.0
#: Limit of the skipped gaps that are remembered, to learn how much later their packets came (ours).
_SKIPPED_LIMIT = 64

#: A packet, the audio level that its header extension says, and its arrival.
BufferedPacket: TypeAlias = "tuple[RtpPacket, AudioLevel | None, MonotonicTime]"


class InsertResult(Enum):
    """The outcome of inserting a packet into a `PacketBuffer`."""

    #: It was next, and was delivered.
    DELIVERED = auto()
    #: It was missing before; delivered, or waiting for others that still are.
    FILLED_GAP = auto()
    #: It waits for packets before it.
    BUFFERED = auto()
    #: It had come before; dropped.
    DUPLICATE = auto()
    #: Its gap was skipped before; dropped.
    LATE = auto()


class PacketBuffer:
    """Delivers packets in the order of their extended sequence numbers, each once.

    Args:
        first: The extended sequence number to begin with.
        nack_tracker: Tracks the numbers that are missing.
        deliver: Gets each packet in its turn.
        on_lost: Called where packets are given up, before the next one is delivered.

    Attributes:
        next: The extended sequence number to deliver next.
        waiting: Packets that came early, by extended sequence number.
        lateness: Seconds from missing to arrival of the last packet that came late; 0 where that is
            not known.
    """

    __slots__ = (
        "_deliver",
        "_end",
        "_nack_tracker",
        "_on_lost",
        "_skipped",
        "lateness",
        "next",
        "waiting",
    )

    def __init__(
        self,
        first: int,
        nack_tracker: NackTracker,
        *,
        deliver: Callable[[RtpPacket, AudioLevel | None, MonotonicTime], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.next = first
        self.waiting: dict[int, BufferedPacket] = {}
        self.lateness: Seconds = 0.0
        self._end = first
        self._nack_tracker = nack_tracker
        self._deliver = deliver
        self._on_lost = on_lost
        self._skipped: deque[tuple[int, int, MonotonicTime | None]] = deque(maxlen=_SKIPPED_LIMIT)

    def __repr__(self) -> str:
        return f"<PacketBuffer next={self.next & 0xFFFF} waiting={len(self.waiting)}>"

    @property
    def blocked_since(self) -> MonotonicTime | None:
        """Time at which the packet that others wait for was missed; None where none wait."""
        return self._nack_tracker.missing_since(self.next) if self.waiting else None

    def insert(
        self,
        extended: int,
        entry: BufferedPacket,
        *,
        silence: Seconds = 0.0,
        retransmitted: bool | None = False,
    ) -> InsertResult:
        """Deliver a packet, or keep it until its turn.

        Args:
            extended: Its extended sequence number.
            entry: The packet with its audio level and arrival.
            silence: Seconds without any packet before this one.
            retransmitted: Whether it is a retransmission; None where that cannot be told.
        """
        now = entry[2]
        if extended < self.next:
            return self._classify_old(extended, now)
        end = max(self._end, self.next)
        filled = False
        if extended < end:
            lateness = self._nack_tracker.received(extended, now, retransmitted=retransmitted)
            if lateness is None:
                return InsertResult.DUPLICATE
            self.lateness = lateness
            filled = True
        else:
            if extended > end:
                self._add_gap(first=end, end=extended, now=now, silence=silence)
            self._end = extended + 1
        if extended != self.next:
            self.waiting[extended] = entry
            if len(self.waiting) > WAITING_LIMIT:
                self.skip_gap()
            return InsertResult.FILLED_GAP if filled else InsertResult.BUFFERED
        # Before the delivery, which may call back.
        self.next = extended + 1
        self._deliver(*entry)
        self._drain()
        return InsertResult.FILLED_GAP if filled else InsertResult.DELIVERED

    def skip_gap(self) -> None:
        """Give up the packets that are missing before the first one that waits."""
        if self.waiting:
            waiting, at = self.waiting, self.next
            while at not in waiting:
                at += 1
            self._skip_to(at)
            self._drain()

    def drop_before(self, extended: int) -> None:
        """Go on with this packet, and drop those that wait before it."""
        waiting = self.waiting
        for at in [each for each in waiting if each < extended]:
            del waiting[at]
        self._skip_to(extended)
        self._drain()

    def restart(self, extended: int) -> None:
        """Deliver the packets that wait, and go on with an unrelated sequence number."""
        while self.waiting:
            self.skip_gap()
        self._nack_tracker.clear()
        self.next = self._end = extended
        self._on_lost()

    def clear(self) -> None:
        """Drop the packets that wait."""
        self.waiting.clear()
        self._nack_tracker.clear()
        self.next = max(self.next, self._end)

    def _add_gap(self, *, first: int, end: int, now: MonotonicTime, silence: Seconds) -> None:
        length = end - first
        if (
            length > GAP_LIMIT
            or length + len(self._nack_tracker) > MISSING_LIMIT
            or (length > OUTAGE_GAP and silence > OUTAGE_SECONDS)
        ):
            # Packets that wait are all before the gap, and are delivered first.
            while self.waiting:
                self.skip_gap()
            if self.next < end:
                self._skip_to(end)
                self._drain()
        else:
            self._nack_tracker.add(first=first, end=end, now=now)

    def _skip_to(self, extended: int) -> None:
        first = self.next
        since = self._nack_tracker.missing_since(first)
        self._nack_tracker.forget(first=first, end=extended)
        self._skipped.append((first, extended, since))
        self.next = extended
        self._on_lost()

    def _drain(self) -> None:
        while self.waiting and (entry := self.waiting.pop(self.next, None)) is not None:
            self.next += 1
            self._deliver(*entry)

    def _classify_old(self, extended: int, now: MonotonicTime) -> InsertResult:
        for first, end, since in self._skipped:
            if first <= extended < end:
                self.lateness = 0.0 if since is None else now - since
                return InsertResult.LATE
        return InsertResult.DUPLICATE
