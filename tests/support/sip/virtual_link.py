"""A link between pure SIP cores in virtual time: it delays, loses and doubles what a test says."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from typing import Protocol

from sipmessage import Request, Response

from signaling.sip.errors import SipMessageError
from signaling.sip.parsing import parse_message, write_message

#: Seconds from one end to the other, unless a test says otherwise.
DELAY = 0.02


class Core(Protocol):
    """A pure core of SIP: messages and time in; `carry_out` takes what follows from them."""

    def receive(self, message: Request | Response, now: float) -> Sequence[Request | Response]:
        """Take a message, and return those to send."""

    def advance(self, now: float) -> Sequence[Request | Response]:
        """Let timers fire, and return the messages to send."""

    def next_time(self) -> float | None:
        """Time of the next timer."""


#: Delays, in seconds, at which copies of a message arrive: none where it is lost.
Path = Callable[[Request | Response], Sequence[float]]


def perfect(_message: Request | Response) -> Sequence[float]:
    """Deliver every message once, after `DELAY`."""
    return (DELAY,)


class VirtualLink:
    """Two cores, and the messages on their way between them.

    Attributes:
        now: Virtual time, in seconds.
        takes_broken: A message that cannot be parsed is dropped, and no error of the test.
        path: What happens to messages from now on.
        sent: Each message that one of the ends sent, with its time and the number of the end.
    """

    def __init__(self, one: Core, other: Core, *, path: Path = perfect) -> None:
        self.now = 0.0
        self.takes_broken = False
        self.sent: list[tuple[float, int, Request | Response]] = []
        self._ends = (one, other)
        self.path = path
        self._order = itertools.count()
        self._coming: list[tuple[float, int, int, bytes]] = []

    def send(self, end: int, messages: Sequence[Request | Response]) -> None:
        """Put messages of one end on their way to the other."""
        for message in messages:
            self.sent.append((self.now, end, message))
            for delay in self.path(message):
                # As octets: what one end does to a message later is nothing to the other.
                entry = (self.now + delay, next(self._order), 1 - end, write_message(message))
                heapq.heappush(self._coming, entry)

    def run(self, until: float) -> None:
        """Let virtual time pass up to a moment."""
        while (when := self._next_time()) is not None and when <= until:
            self.now = max(self.now, when)
            if self._coming and self._coming[0][0] <= self.now:
                _, _, end, data = heapq.heappop(self._coming)
                self._deliver(end, data)
            else:
                for end, core in enumerate(self._ends):
                    self.send(end, core.advance(self.now))
        self.now = until

    def first_lines(self, end: int) -> list[str]:
        """What one end has sent: methods of requests, and status codes."""
        return [
            message.method if isinstance(message, Request) else str(message.code)
            for _, sender, message in self.sent
            if sender == end
        ]

    def _deliver(self, end: int, data: bytes) -> None:
        try:
            message = parse_message(data)
        except SipMessageError:
            if not self.takes_broken:
                raise
            return
        self.send(end, self._ends[end].receive(message, self.now))

    def _next_time(self) -> float | None:
        times = [core.next_time() for core in self._ends]
        if self._coming:
            times.append(self._coming[0][0])
        return min((time for time in times if time is not None), default=None)
