"""Counts the RTP that arrives: at a third-party peer, and on our own sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.tracing.events import Datagram, DatagramKind, Direction
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from peer.tracing.events import TraceEvent

#: Bytes of the fixed RTP header (RFC 3550 section 5.1).
_HEADER = 12
#: Half the range of sequence numbers (RFC 3550 section 5.1).
_HALF = 1 << 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """The counts of RTP between two reports.

    Args:
        count: RTP packets, or frames where the peer cannot count packets.
        lost: Sequence numbers that did not arrive.
        doubled: Packets that arrived twice.
        longest_gap: Longest seconds without a packet, up to the report.
    """

    count: int
    lost: int
    doubled: int
    longest_gap: float


class _Stream:
    """The sequence numbers of one SSRC, as arrivals.js has them."""

    def __init__(self, sequence: int) -> None:
        self._first = sequence
        self._highest = sequence - 1
        self._seen: set[int] = set()
        self.doubled = 0

    def reset(self) -> None:
        self._first = self._highest + 1
        self._seen.clear()
        self.doubled = 0

    @property
    def lost(self) -> int:
        return self._highest - self._first + 1 - len(self._seen)

    def note(self, sequence: int) -> None:
        # RFC 3550 appendix A.1: the nearest number that has these 16 bits.
        step = (sequence - self._highest + _HALF) % (2 * _HALF) - _HALF
        number = self._highest + step
        if number >= self._first:
            self.doubled += number in self._seen
            self._seen.add(number)
            self._highest = max(self._highest, number)


class ArrivalSink:
    """A trace sink that counts the RTP that arrives on our sockets, decryptable or not."""

    wants_data = True

    def __init__(self) -> None:
        self._streams: dict[bytes, _Stream] = {}
        self._last: float | None = None
        self._gap = 0.0
        self._count = 0

    def __call__(self, event: TraceEvent) -> None:
        match event:
            case Datagram(direction=Direction.IN, kind=DatagramKind.SRTP, data=data):
                self._note(data)

    def reset(self) -> None:
        """Count loss and gaps anew from now on."""
        for stream in self._streams.values():
            stream.reset()
        self._gap, self._count = 0.0, 0
        if self._last is not None:
            self._last = _now()

    def report(self) -> Arrivals:
        """The counts since the last reset."""
        silence = 0.0 if self._last is None else _now() - self._last
        streams = self._streams.values()
        return Arrivals(
            count=self._count,
            lost=sum(stream.lost for stream in streams),
            doubled=sum(stream.doubled for stream in streams),
            longest_gap=max(self._gap, silence),
        )

    async def silence(self, seconds: float) -> int:
        """Return how many packets come within so many seconds where none should.

        Before that, what was on its way comes, however long a busy machine takes to deliver it:
        what goes on for ever is no silence.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                while await self._within(seconds / 2):
                    pass
        return await self._within(seconds)

    async def _within(self, seconds: float) -> int:
        self.reset()
        await asyncio.sleep(seconds)
        return self._count

    def _note(self, packet: bytes) -> None:
        if len(packet) < _HEADER:
            return
        now = _now()
        if self._last is not None:
            self._gap = max(self._gap, now - self._last)
        self._last = now
        self._count += 1
        sequence = int.from_bytes(packet[2:4])
        self._streams.setdefault(packet[8:12], _Stream(sequence)).note(sequence)


def _now() -> float:
    return asyncio.get_running_loop().time()
