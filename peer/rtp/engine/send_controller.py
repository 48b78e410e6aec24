"""Owns the way out of a transport: its pacer with a clock, and how fast its senders may send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.congestion import CongestionController, Pacer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.congestion import Share
    from peer.rtp.engine.ports import SenderPort
    from peer.rtp.rtcp import TransportFeedback
    from peer.rtp.sending import OutboundFrame, PacketSource


class RtpSendController:
    """Sends the frames of every sender of a transport, and divides its rate among them.

    Args:
        send: Takes a packet; False where it could not be sent.
        clock: Seconds, monotonic.
        send_all: As of `Pacer`.
    """

    def __init__(
        self,
        send: Callable[[bytes], bool],
        clock: Callable[[], float],
        send_all: Callable[[Sequence[bytes]], int] | None = None,
    ) -> None:
        self.congestion = CongestionController()
        self._clock = clock
        self._pacer = Pacer(self.congestion, send, send_all)
        self._alarm = Alarm(clock, self._advance)
        self._shares: dict[SenderPort, Share] = {}
        self._parts: dict[SenderPort, int] = {}

    def send_frame(self, frame: OutboundFrame) -> None:
        """Send a frame, at once where the rate allows; its source may be told that it was not."""
        pacer = self._pacer
        pacer.enqueue(frame, self._clock())
        if pacer.deadline is not None:
            self._alarm.set(pacer.deadline)

    def discard(self, source: PacketSource) -> None:
        """Forget the frames of a source."""
        self._pacer.discard(source)

    def set_share(self, port: SenderPort, share: Share | None) -> None:
        """Say what a sender can use of the rate; None: nothing, as it sends nothing."""
        if self._shares.get(port) == share:
            return
        if share is None:
            del self._shares[port]
            self._parts.pop(port, None)
        else:
            self._shares[port] = share
        self._divide()

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
        self._shares.clear()
        self._parts.clear()

    def _adjust(self, tell: Callable[[], None]) -> None:
        before = self.congestion.target
        tell()
        if self.congestion.target != before:
            self._divide()

    def _divide(self) -> None:
        """Tell every sender its part, where that has changed."""
        ports = tuple(self._shares)
        parts = self.congestion.allocate(tuple(self._shares.values()))
        for port, part in zip(ports, parts, strict=True):
            # Whoever was told before may have given its share back.
            if port in self._shares and self._parts.get(port) != part:
                self._parts[port] = part
                port.on_target(part)

    def _advance(self, now: float) -> None:
        self._pacer.advance(now)
        self._alarm.set(self._pacer.deadline)
