"""Owns the way out of a transport: its pacer with a clock, and how fast its senders may send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peer.rtp.alarm import Alarm
from peer.rtp.congestion import Pacer, TransportCongestion
from peer.rtp.ports import EnginePort

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.congestion import Share
    from peer.rtp.rtcp import TransportFeedback
    from peer.rtp.sending import OutboundFrame, PacketSource


class Paced(Protocol):
    """A sender as far as the rate of its transport concerns it."""

    @property
    def share(self) -> Share:
        """What it can use at present."""

    def on_target(self, bps: int) -> None:
        """Send no faster than this, in bits a second."""


class Outlet:
    """Sends the frames of every sender of a transport, and divides its rate among them.

    Args:
        send: Takes a packet; False where it could not be sent.
        clock: Seconds, monotonic.
    """

    def __init__(self, send: Callable[[bytes], bool], clock: Callable[[], float]) -> None:
        self.congestion = TransportCongestion()
        self._clock = clock
        self._pacer = Pacer(self.congestion, send)
        self._alarm = Alarm(clock, self._advance)
        self._senders: dict[Paced, int | None] = {}

    @property
    def queued_packets(self) -> int:
        """That wait for their turn."""
        return self._pacer.queued_packets

    def enqueue(self, frame: OutboundFrame) -> None:
        """Send a frame, at once where the rate allows; its source may be told that it was not."""
        pacer = self._pacer
        pacer.enqueue(frame, self._clock())
        if pacer.deadline is not None:
            self._alarm.set(pacer.deadline)

    def discard(self, source: PacketSource) -> None:
        """Forget the frames of a source."""
        self._pacer.discard(source)

    def add(self, sender: Paced) -> None:
        """Give a sender its part of the rate from now on."""
        self._senders.setdefault(sender, None)
        self.divide()

    def remove(self, sender: Paced) -> None:
        """Give its part to the others."""
        if self._senders.pop(sender, 0) != 0:
            self.divide()

    def divide(self) -> None:
        """Tell every sender its part, where that or what it can use has changed."""
        senders = tuple(self._senders)
        parts = self.congestion.allocate([sender.share for sender in senders])
        for sender, part in zip(senders, parts, strict=True):
            if self._senders.get(sender, part) != part:
                self._senders[sender] = part
                sender.on_target(part)

    def on_feedback(self, feedback: TransportFeedback) -> None:
        """The peer told what arrived when."""
        self._adjust(lambda: self.congestion.on_feedback(feedback, self._clock()))

    def on_remb(self, bitrate: int) -> None:
        """The peer believes it can take so much, in bits a second."""
        self._adjust(lambda: self.congestion.on_remb(bitrate))

    def on_loss(self, fraction: float) -> None:
        """A reception report told the part lost, 0 to 1."""
        self._adjust(lambda: self.congestion.on_loss(fraction, self._clock()))

    def on_round_trip(self, seconds: float) -> None:
        """A reception report told the round trip."""
        self.congestion.on_round_trip(seconds)

    def close(self) -> None:
        """Send nothing more."""
        self._alarm.cancel()
        self._senders.clear()

    def _adjust(self, tell: Callable[[], None]) -> None:
        before = self.congestion.target
        tell()
        if self.congestion.target != before:
            self.divide()

    def _advance(self, now: float) -> None:
        self._pacer.advance(now)
        self._alarm.set(self._pacer.deadline)


class SendingEngine(EnginePort, Protocol):
    """What a sender asks of the engine of its transport."""

    @property
    def outlet(self) -> Outlet:
        """Where its frames go, and who divides the rate."""
