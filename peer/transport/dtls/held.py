"""Owns what waits until the peer is verified, within bounds, and its way up in order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from peer.transport.wire.datagrams import DatagramClass

if TYPE_CHECKING:
    from peer.transport.interfaces import PayloadEvents


#: Packets, of 1 KiB each on average.
MOST_HELD = 64


class Arrival(NamedTuple):
    """One packet that waits.

    Args:
        kind: RTP, RTCP, or DTLS for an application datagram.
        payload: Its bytes.
        arrival: When it came, in seconds of a monotonic clock.
    """

    kind: DatagramClass
    payload: bytes
    arrival: float


class Held:
    """Arrivals in order, at most `packets` of them and `size` bytes, or 1 KiB for each packet."""

    def __init__(self, packets: int = MOST_HELD, size: int | None = None) -> None:
        self._packets = packets
        self._size = packets * 1024 if size is None else size
        self._used = 0
        self._queue: deque[Arrival] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, arrival: Arrival) -> int:
        """Append one; return how many of the oldest had to go."""
        self._queue.append(arrival)
        self._used += len(arrival.payload)
        dropped = 0
        while len(self._queue) > self._packets or self._used > self._size:
            self.pop()
            dropped += 1
        return dropped

    def pop(self) -> Arrival:
        """Take the oldest."""
        arrival = self._queue.popleft()
        self._used -= len(arrival.payload)
        return arrival

    def clear(self) -> None:
        """Forget all."""
        self._queue.clear()
        self._used = 0


class Gate:
    """Hands arrivals up in order, but holds them while it is shut.

    Args:
        events: Where they go.
        most_held: So many may wait.
    """

    def __init__(self, events: PayloadEvents, most_held: int = MOST_HELD) -> None:
        self._events = events
        self._held = Held(most_held)
        self._wanted_open = False
        self._is_open = False
        self._is_open_for_media = False

    @property
    def is_open(self) -> bool:
        """Whether everything goes straight up."""
        return self._is_open

    def deliver(self, kind: DatagramClass, payload: bytes, arrival: float) -> int:
        """Hand up or hold one; return how many of those held had to go."""
        early = self._is_open_for_media and kind is not DatagramClass.DTLS
        if not (self._is_open or early):
            return self._held.push(Arrival(kind, payload, arrival))
        self._hand_up(kind, payload, arrival)
        return 0

    def open_for_media(self) -> None:
        """Hand up RTP and RTCP, but hold data: SCTP would have to be answered to be of use."""
        self._is_open_for_media = True

    def open(self) -> None:
        """Hand up all that is held, and from then on whatever comes."""
        self._wanted_open = True
        # It opens only when all is out: what a callback makes arrive meanwhile has to queue.
        while self._held and self._wanted_open:
            self._hand_up(*self._held.pop())
        self._is_open = self._wanted_open

    def shut(self) -> None:
        """Forget what is held and hand up nothing more, even if `open` is at work."""
        self._wanted_open = self._is_open = self._is_open_for_media = False
        self._held.clear()

    def _hand_up(self, kind: DatagramClass, payload: bytes, arrival: float) -> None:
        match kind:
            case DatagramClass.RTP:
                self._events.on_rtp(payload, arrival)
            case DatagramClass.RTCP:
                self._events.on_rtcp(payload)
            case _:
                self._events.on_data(payload)
