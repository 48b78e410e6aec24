"""Two pure SCTP associations on a simulated path, in a time that only the test advances."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from peer.transport.sctp.core.association import Association, Event
from peer.transport.sctp.core.outbound import DEFAULT_WEIGHT, OutboundMessage
from peer.transport.sctp.core.settings import SctpSettings
from peer.transport.wire.sctp_reassembly import WholeMessage

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = SctpSettings()
#: Packets that one call of `transmit` may return.
BURST = 64


def association(
    source: random.Random, settings: SctpSettings = SETTINGS, *, initial_tsn: int = 2**32 - 5
) -> Association:
    return Association(
        settings,
        tag=source.randrange(1, 2**32),
        initial_tsn=initial_tsn,
        cookie=source.randbytes(16),
        is_known=lambda stream: True,
    )


@dataclass
class Path:
    """One direction: which packets arrive, and after how long each."""

    keep: Callable[[bytes], bool] = lambda packet: True
    delay: Callable[[bytes], float] = lambda packet: 0.01
    copies: Callable[[bytes], int] = lambda packet: 1
    sent: list[bytes] = field(default_factory=list)


@dataclass
class CoreEnd:
    """One association, its path to the other, and what it has reported."""

    association: Association
    path: Path = field(default_factory=Path)
    got: list[Event] = field(default_factory=list)

    @property
    def messages(self) -> list[WholeMessage]:
        return [event for event in self.got if type(event) is WholeMessage]

    def has(self, kind: type) -> bool:
        return any(type(event) is kind for event in self.got)

    def send(
        self,
        data: bytes,
        *,
        stream: int = 0,
        protocol: int = 53,
        ordered: bool = True,
        expiry: float | None = None,
        max_retransmits: int | None = None,
        weight: int = DEFAULT_WEIGHT,
    ) -> OutboundMessage:
        message = OutboundMessage(
            stream=stream,
            protocol=protocol,
            data=data,
            ordered=ordered,
            expiry=expiry,
            max_retransmits=max_retransmits,
        )
        self.association.send(message, weight)
        return message


class CoreLink:
    """Two associations, whose packets and timers happen in the order of their times."""

    def __init__(
        self, settings: SctpSettings = SETTINGS, *, seed: int = 1, initial_tsn: int = 2**32 - 5
    ) -> None:
        source = random.Random(seed)
        self.now = 100.0
        self.left, self.right = (
            CoreEnd(association(source, settings, initial_tsn=initial_tsn)) for _ in range(2)
        )
        self._queue: list[tuple[float, int, CoreEnd, bytes]] = []
        self._numbers = count()

    @property
    def ends(self) -> tuple[CoreEnd, CoreEnd]:
        return self.left, self.right

    def other(self, end: CoreEnd) -> CoreEnd:
        return self.right if end is self.left else self.left

    def flush(self) -> None:
        for end in self.ends:
            more = True
            while more:
                packets, more = end.association.transmit(self.now, BURST)
                for packet in packets:
                    self.carry(end, packet)
            end.got.extend(end.association.events)
            end.association.events.clear()

    def carry(self, end: CoreEnd, packet: bytes) -> None:
        end.path.sent.append(packet)
        if not end.path.keep(packet):
            return
        for _ in range(end.path.copies(packet)):
            at = self.now + end.path.delay(packet)
            heappush(self._queue, (at, next(self._numbers), self.other(end), packet))

    def run(self, seconds: float) -> None:
        """Let time pass, with all that happens meanwhile."""
        until = self.now + seconds
        self.flush()
        while True:
            deadlines = [end.association.deadline for end in self.ends]
            times = [each for each in deadlines if each is not None]
            if self._queue:
                times.append(self._queue[0][0])
            if not times or min(times) > until:
                break
            self.now = max(self.now, *[min(times)])
            while self._queue and self._queue[0][0] <= self.now:
                _, _, end, packet = heappop(self._queue)
                end.association.receive(packet, self.now)
            for end in self.ends:
                deadline = end.association.deadline
                if deadline is not None and deadline <= self.now:
                    end.association.on_time(self.now)
            self.flush()
        self.now = until

    def connect(self) -> None:
        for end in self.ends:
            end.association.connect(self.now)
        self.run(1)
