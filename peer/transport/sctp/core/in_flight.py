"""DATA chunks under way: what is acknowledged, what is lost (RFC 9260 6.2.1, RFC 8985). PURE."""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from peer.times import MonotonicTime, Seconds
    from peer.transport.sctp.core.outbound import OutboundMessage
    from peer.transport.sctp.core.rtt import RoundTrips

# Chunks acknowledged beyond a missing one that make it lost at once, where nothing has been
# reordered so far (RFC 8985 section 6.2 step 4).
_DUPLICATE_THRESHOLD: Final = 3
# Greatest multiple of the reordering window, and how many recoveries it lasts (RFC 8985 6.2).
_MOST_REORDERING, _REORDERING_LASTS = 16, 16
# Share of the least round trip for which reordering is waited (RFC 8985 section 6.2 step 4).
_REORDERING: Final = 1 / 4


class ChunkState(IntEnum):
    """State of a DATA chunk that was sent."""

    IN_FLIGHT = 0
    LOST = 1
    ACKNOWLEDGED = 2
    ABANDONED = 3


_IN_FLIGHT, _LOST, _ACKNOWLEDGED, _ABANDONED = ChunkState


class SentChunk:
    """DATA chunk that was sent at least once.

    Args:
        number: Count of its TSN: 1 is the first of the association.
        message: Message of which it is a part.
        wire: The chunk as it is sent, with padding.
        size: Bytes of user data.
        is_last: Whether it ends its message.

    Attributes:
        state: Where it is.
        sent_at: When it was sent last.
        transmissions: How often it was sent.
    """

    __slots__ = (
        "is_last",
        "message",
        "number",
        "sent_at",
        "size",
        "state",
        "transmissions",
        "wire",
    )

    def __init__(
        self, *, number: int, message: OutboundMessage, wire: bytes, size: int, is_last: bool
    ) -> None:
        self.number = number
        self.message = message
        self.wire = wire
        self.size = size
        self.is_last = is_last
        self.state = _IN_FLIGHT
        self.sent_at: MonotonicTime = 0.0
        self.transmissions = 0

    def __repr__(self) -> str:
        return f"<SentChunk {self.number} {self.state.name}, sent {self.transmissions} times>"


class InFlight:
    """Chunks from the first that is not acknowledged to the last that was sent.

    Numbers count TSNs from 1 on, without an end. A SACK costs what it says anew: runs that the last
    one had already are not looked through again.

    Args:
        round_trips: Measured by what is acknowledged.

    Attributes:
        chunks: By their numbers.
        acknowledged: Number up to which the peer has all.
        next: Number of the next chunk.
        bytes: Bytes of user data that are under way.
        sample: Round trip by the last SACK, of a chunk that was sent once; None where it had none.
        reordering_deadline: When the oldest chunk counts as lost, if nothing is heard of it.
    """

    def __init__(self, round_trips: RoundTrips) -> None:
        self._round_trips = round_trips
        self.chunks: dict[int, SentChunk] = {}
        self.acknowledged = 0
        self.next = 1
        self.bytes = 0
        self.reordering_deadline: MonotonicTime | None = None
        self.sample: Seconds | None = None
        #: Runs that the last SACK had beyond the cumulative one.
        self._runs: list[tuple[int, int]] = []
        self._lost: deque[SentChunk] = deque()
        #: Transmissions in the order of their times.
        self._by_time: deque[tuple[SentChunk, int]] = deque()
        #: Of the chunk that was sent last among those acknowledged (RFC 8985 section 5.2).
        self._newest: tuple[MonotonicTime, int] = (-1.0, 0)
        self._newest_rtt: Seconds = 0.0
        self._highest = 0
        self._beyond = 0
        self._was_reordered = False
        self._reordering = 1
        self._reordering_left = 0

    def __repr__(self) -> str:
        return f"<InFlight {self.bytes} bytes, {len(self.chunks)} chunks>"

    @property
    def has_lost(self) -> bool:
        """True where chunks wait to be sent again."""
        return bool(self._lost)

    def sent(self, chunk: SentChunk, now: MonotonicTime) -> None:
        """Note that a chunk is sent, for the first time or again."""
        if chunk.transmissions == 0:
            self.chunks[chunk.number] = chunk
            self.bytes += chunk.size
        elif chunk.state is not _IN_FLIGHT:
            chunk.state = _IN_FLIGHT
            self.bytes += chunk.size
        chunk.transmissions += 1
        chunk.sent_at = now
        self._by_time.append((chunk, chunk.transmissions))

    def on_sack(self, cumulative: int, runs: Sequence[tuple[int, int]], now: MonotonicTime) -> int:
        """Take what a SACK says; return the bytes that it acknowledges for the first time.

        Args:
            cumulative: Number up to which all have come.
            runs: First and last numbers beyond, which rise.
            now: The present time.
        """
        new = 0
        self.sample = None
        chunks = self.chunks
        while self.acknowledged < cumulative:
            self.acknowledged += 1
            chunk = chunks.pop(self.acknowledged)
            if chunk.state is _ACKNOWLEDGED:
                self._beyond -= 1
            else:
                new += self._acknowledge(chunk, now)
        if runs or self._runs:
            for first, last in _new_parts(runs, self._runs, cumulative):
                for number in range(first, last + 1):
                    chunk = chunks[number]
                    if chunk.state is not _ACKNOWLEDGED and chunk.state is not _ABANDONED:
                        new += self._acknowledge(chunk, now)
                        self._beyond += 1
            self._runs = list(runs)
        return new

    def on_duplicates(self) -> None:
        """Wait longer for what is reordered: the peer got chunks twice (RFC 8985 section 6.2)."""
        self._reordering = min(self._reordering + 1, _MOST_REORDERING)
        self._reordering_left = _REORDERING_LASTS

    def detect_losses(self, now: MonotonicTime, *, recovers: bool) -> list[SentChunk]:
        """Find the chunks that are lost, as later ones have arrived (RFC 8985 section 6.2).

        Args:
            now: The present time.
            recovers: Whether earlier losses are being repaired.
        """
        self.reordering_deadline = None
        window = self._reordering_window(recovers=recovers)
        by_time, newest = self._by_time, self._newest
        lost: list[SentChunk] = []
        while by_time:
            chunk, transmission = by_time[0]
            if chunk.state is _IN_FLIGHT and chunk.transmissions == transmission:
                if (chunk.sent_at, chunk.number) >= newest:
                    break
                deadline = chunk.sent_at + self._newest_rtt + window
                if deadline > now:
                    self.reordering_deadline = deadline
                    break
                self.lose(chunk)
                lost.append(chunk)
            by_time.popleft()
        return lost

    def on_recovered(self) -> None:
        """Note the end of a recovery, some of which the reordering window lasts for."""
        self._reordering_left -= 1
        if self._reordering_left <= 0:
            self._reordering = 1

    def on_timeout(self) -> None:
        """Take all that is under way as lost, and what the peer has taken back (RFC 9260 6.3.3)."""
        self._by_time.clear()
        self._lost.clear()
        self._beyond = 0
        kept = iter([*self._runs, (2**63, 2**63)])
        first, last = next(kept)
        for number, chunk in self.chunks.items():
            while number > last:
                first, last = next(kept)
            if chunk.state is _ABANDONED:
                continue
            if chunk.state is _ACKNOWLEDGED and first <= number:
                self._beyond += 1
                continue
            if chunk.state is _IN_FLIGHT:
                self.bytes -= chunk.size
            chunk.state = _LOST
            self._lost.append(chunk)

    def first_lost(self) -> SentChunk | None:
        """Return the chunk to send again next, which stays; None where none waits."""
        lost = self._lost
        while lost:
            if lost[0].state is _LOST:
                return lost[0]
            lost.popleft()
        return None

    def take_lost(self) -> None:
        """Remove the chunk of `first_lost`, as it is sent or given up."""
        self._lost.popleft()

    def last_in_flight(self) -> SentChunk | None:
        """Return the chunk that was sent last of those under way, for a probe (RFC 8985 7.3)."""
        for chunk, transmission in reversed(self._by_time):
            if chunk.state is _IN_FLIGHT and chunk.transmissions == transmission:
                return chunk
        return None

    def abandon(self, message: OutboundMessage) -> None:
        """Give up the chunks of a message that were sent (RFC 3758 section 3.5 A3)."""
        number = max(message.first, self.acknowledged + 1)
        while (chunk := self.chunks.get(number)) is not None and chunk.message is message:
            if chunk.state is _IN_FLIGHT:
                self.bytes -= chunk.size
            elif chunk.state is _ACKNOWLEDGED:
                self._beyond -= 1
            chunk.state = _ABANDONED
            number += 1

    def add_abandoned(self, message: OutboundMessage) -> None:
        """Use up a TSN for the rest of a message, which is not sent: the peer skips all of it."""
        chunk = SentChunk(number=self.next, message=message, wire=b"", size=0, is_last=True)
        chunk.state = _ABANDONED
        self.chunks[self.next] = chunk
        self.next += 1

    def messages(self) -> Iterator[tuple[OutboundMessage, Iterable[SentChunk]]]:
        """Iterate over the messages that are not acknowledged to their ends, with their chunks."""
        found: list[SentChunk] = []
        for chunk in self.chunks.values():
            if found and found[0].message is not chunk.message:
                yield found[0].message, found
                found = []
            found.append(chunk)
        if found:
            yield found[0].message, found

    def _acknowledge(self, chunk: SentChunk, now: MonotonicTime) -> int:
        state = chunk.state
        if state is _ABANDONED:
            return 0
        if state is _IN_FLIGHT:
            self.bytes -= chunk.size
        chunk.state = _ACKNOWLEDGED
        rtt = now - chunk.sent_at
        if chunk.transmissions == 1:
            if self.sample is None or rtt < self.sample:
                self.sample = rtt
            if chunk.number < self._highest:
                self._was_reordered = True
            else:
                self._highest = chunk.number
        elif rtt < (self._round_trips.least or 0.0):
            # An acknowledgement of an earlier transmission (RFC 8985 section 6.2 step 1).
            return chunk.size
        sent = (chunk.sent_at, chunk.number)
        if sent > self._newest:
            self._newest, self._newest_rtt = sent, rtt
        return chunk.size

    def lose(self, chunk: SentChunk) -> None:
        """Take a chunk that is under way as lost: it waits to be sent again."""
        chunk.state = _LOST
        self.bytes -= chunk.size
        self._lost.append(chunk)

    def _reordering_window(self, *, recovers: bool) -> Seconds:
        if not self._was_reordered and (recovers or self._beyond >= _DUPLICATE_THRESHOLD):
            return 0.0
        window = self._reordering * _REORDERING * (self._round_trips.least or 0.0)
        return min(window, self._round_trips.smoothed or 0.0)


def _new_parts(
    runs: Sequence[tuple[int, int]], former: Sequence[tuple[int, int]], cumulative: int
) -> Iterator[tuple[int, int]]:
    """Iterate over the parts of runs that are in none of the former ones; both rise."""
    index = 0
    for begin, last in runs:
        first = max(begin, cumulative + 1)
        while index < len(former) and former[index][1] < first:
            index += 1
        at = index
        while at < len(former) and former[at][0] <= last:
            if first < former[at][0]:
                yield first, former[at][0] - 1
            first = max(first, former[at][1] + 1)
            at += 1
        if first <= last:
            yield first, last
