"""Messages that wait to be sent, and which stream is next (RFC 8831 section 6.4). PURE."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from peer.times import MonotonicTime

#: Weight of a stream that has no other: that of W3C's priority `low` (RFC 8831 section 6.4).
DEFAULT_WEIGHT: Final = 256
#: Seconds for which a message whose time is over may still be sent once: the turn of the event loop
#: that sends it may be late (ours).
_GRACE: Final = 0.05
_SEQUENCE_MASK: Final = 2**16 - 1


class OutboundMessage:
    """Message of ours until the peer has all of it.

    Args:
        stream: Stream id.
        protocol: Payload protocol identifier (RFC 8831 section 8).
        data: The payload; not empty.
        ordered: Whether it arrives after those before it on its stream.
        expiry: When it is given up (RFC 3758); None is never.
        max_retransmits: How often it is sent again at most; None is without limit.
        is_counted: Whether `OutboundQueue.taken` counts it.

    Attributes:
        sequence: Stream sequence number, once the first fragment is sent.
        offset: Bytes that were sent at least once.
        first: Count of the first TSN, once the first fragment is sent.
        abandoned: True once it was given up.
    """

    __slots__ = (
        "abandoned",
        "data",
        "expiry",
        "first",
        "is_counted",
        "max_retransmits",
        "offset",
        "ordered",
        "protocol",
        "sequence",
        "stream",
    )

    def __init__(
        self,
        *,
        stream: int,
        protocol: int,
        data: bytes,
        ordered: bool = True,
        expiry: MonotonicTime | None = None,
        max_retransmits: int | None = None,
        is_counted: bool = True,
    ) -> None:
        self.stream = stream
        self.protocol = protocol
        self.data = data
        self.ordered = ordered
        self.expiry = expiry
        self.max_retransmits = max_retransmits
        self.is_counted = is_counted
        self.sequence = 0
        self.offset = 0
        self.first = 0
        self.abandoned = False

    def __repr__(self) -> str:
        return f"<OutboundMessage on {self.stream}, {self.offset} of {len(self.data)} bytes sent>"


class _Stream:
    """Messages of one stream, in their order."""

    __slots__ = ("finish", "is_held", "is_ready", "messages", "number", "sequence", "weight")

    def __init__(self, number: int) -> None:
        self.number = number
        self.messages: deque[OutboundMessage] = deque()
        self.sequence = 0
        self.weight = DEFAULT_WEIGHT
        #: Virtual time at which what it has sent would be through.
        self.finish = 0.0
        self.is_ready = False
        #: Whether it waits for the answer to a reset of it.
        self.is_held = False


class OutboundQueue:
    """Messages of all streams, taken by weighted fair queueing, one whole message after the other.

    What is taken of a stream counts its bytes by its weight, and the stream with the least goes
    next. A message that was begun is finished first, as fragments follow each other (RFC 9260
    section 6.9).

    Attributes:
        size: Bytes that wait.
        taken: Bytes that have gone from the queue by their streams, for its owner to clear.
    """

    def __init__(self) -> None:
        self.size = 0
        self.taken: dict[int, int] = {}
        self._streams: dict[int, _Stream] = {}
        self._ready: list[tuple[float, int]] = []
        self._now = 0.0
        self._begun: _Stream | None = None

    def __bool__(self) -> bool:
        return self.size > 0

    def __repr__(self) -> str:
        return f"<OutboundQueue {self.size} bytes, {len(self._ready)} streams ready>"

    def add(self, message: OutboundMessage, weight: int = DEFAULT_WEIGHT) -> None:
        """Let a message wait for its turn, on a stream with this weight from now on."""
        stream = self._streams.get(message.stream)
        if stream is None:
            stream = self._streams[message.stream] = _Stream(message.stream)
        stream.weight = weight
        stream.messages.append(message)
        self.size += len(message.data)
        if not (stream.is_ready or stream.is_held or stream is self._begun):
            self._make_ready(stream)

    def next(self, now: MonotonicTime) -> OutboundMessage | None:
        """Return the message to send from, whose time has not passed; None where none waits."""
        while True:
            stream = self._begun
            if stream is None:
                if not self._ready:
                    return None
                _, number = heappop(self._ready)
                stream = self._begun = self._streams[number]
                stream.is_ready = False
                self._now = max(self._now, stream.finish)
            message = stream.messages[0]
            if message.expiry is None or message.offset or now <= message.expiry + _GRACE:
                return message
            message.abandoned = True
            self._finish(stream, message)

    def took(self, message: OutboundMessage, size: int) -> bool:
        """Note that bytes of the message of `next` are sent; return True where it is complete."""
        if message.offset == 0 and message.ordered:
            stream = self._streams[message.stream]
            message.sequence = stream.sequence
            stream.sequence = (stream.sequence + 1) & _SEQUENCE_MASK
        message.offset += size
        self._take(message, size)
        if message.offset < len(message.data):
            return False
        self._finish(self._streams[message.stream], message)
        return True

    def give_up(self, message: OutboundMessage) -> bool:
        """Drop what is left of a message that was begun; return True where something was left."""
        stream = self._begun
        if stream is None or not stream.messages or stream.messages[0] is not message:
            return False
        self._finish(stream, message)
        return True

    def is_waiting(self, stream: int) -> bool:
        """Tell whether messages of a stream wait."""
        found = self._streams.get(stream)
        return found is not None and bool(found.messages)

    def hold(self, streams: Iterable[int]) -> None:
        """Send nothing on these streams, which wait for no message, until `reset`.

        What goes between a request and its answer might be of before or of after (RFC 6525 section
        5.1.2).
        """
        for number in streams:
            self._streams.setdefault(number, _Stream(number)).is_held = True

    def reset(self, stream: int) -> None:
        """Forget the stream sequence number, as the peer has (RFC 6525)."""
        found = self._streams.get(stream)
        if found is None:
            return
        found.sequence = 0
        found.is_held = False
        if found.messages:
            self._make_ready(found)
        else:
            del self._streams[stream]

    def drop(self, stream: int) -> None:
        """Drop the messages of a stream of which nothing was sent."""
        found = self._streams.get(stream)
        if found is not None:
            if found is self._begun:
                self._begun = None
            self.size -= sum(len(message.data) for message in found.messages)
            found.messages.clear()
            if found.is_ready:
                self._ready = sorted(each for each in self._ready if each[1] != stream)
            del self._streams[stream]

    def __iter__(self) -> Iterator[OutboundMessage]:
        """Iterate over the messages that wait, by their streams; the one that was begun first."""
        begun = self._begun
        if begun is not None:
            yield from begun.messages
        for stream in self._streams.values():
            if stream is not begun:
                yield from stream.messages

    def _take(self, message: OutboundMessage, size: int) -> None:
        self.size -= size
        if message.is_counted:
            self.taken[message.stream] = self.taken.get(message.stream, 0) + size

    def _finish(self, stream: _Stream, message: OutboundMessage) -> None:
        left = len(message.data) - message.offset
        if left:
            self._take(message, left)
        stream.messages.popleft()
        stream.finish = self._now + message.offset / stream.weight
        self._begun = None
        if stream.messages:
            self._make_ready(stream)

    def _make_ready(self, stream: _Stream) -> None:
        stream.finish = max(stream.finish, self._now)
        stream.is_ready = True
        heappush(self._ready, (stream.finish, stream.number))
