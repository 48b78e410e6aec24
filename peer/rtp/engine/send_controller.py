"""Paces the packets of all senders of a transport, and divides its target bitrate among them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.congestion import CongestionController, Pacer
from peer.rtp.congestion.packet_size import PAYLOAD_LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.congestion import Share
    from peer.rtp.engine.ports import SenderPort
    from peer.rtp.rtcp import TransportFeedback
    from peer.rtp.sending import OutboundFrame, PacketSource
    from peer.times import MonotonicTime, Seconds

logger = logging.getLogger(__name__)


class RtpSendController:
    """Runs the pacer and the congestion control of one transport.

    Its counterpart in libwebrtc is RtpTransportControllerSend.

    Args:
        send: Sends one packet.
        clock: Monotonic clock.
        send_all: Sends several packets in their order, where that costs less than one by one.

    Attributes:
        congestion: Congestion control of the transport.
    """

    def __init__(
        self,
        send: Callable[[bytes], object],
        clock: Callable[[], MonotonicTime],
        send_all: Callable[[Sequence[bytes]], object] | None = None,
    ) -> None:
        self.congestion = CongestionController()
        self._clock = clock
        self._pacer = Pacer(self.congestion, send, send_all)
        self._alarm = Alarm(clock, self._advance)
        self._shares: dict[SenderPort, Share] = {}
        self._bitrates: dict[SenderPort, int] = {}
        self._payload_limit = PAYLOAD_LIMITS[0]

    def __repr__(self) -> str:
        """Show the congestion control, the pacer, and the number of active senders."""
        return f"<RtpSendController {self.congestion} {self._pacer} senders={len(self._shares)}>"

    def send_frame(self, frame: OutboundFrame) -> None:
        """Send a frame as soon as the rate allows; the pacer may drop it instead."""
        pacer = self._pacer
        pacer.enqueue(frame, self._clock())
        if pacer.deadline is not None:
            self._alarm.set(pacer.deadline)
        if self.congestion.payload_limit != self._payload_limit:
            # Not now, as the sender is in the middle of a frame.
            self._alarm.set(self._clock())

    def discard(self, source: PacketSource) -> None:
        """Forget the frames of a source that wait in the pacer."""
        self._pacer.discard(source)

    def set_share(self, port: SenderPort, share: Share | None) -> None:
        """Set the claim of a sender on the target bitrate; None for a sender that pauses."""
        if self._shares.get(port) == share:
            return
        if port not in self._shares and self._payload_limit != PAYLOAD_LIMITS[0]:
            port.on_payload_limit(self._payload_limit)
        if share is None:
            del self._shares[port]
            self._bitrates.pop(port, None)
        else:
            self._shares[port] = share
        self._divide()

    def on_feedback(self, feedback: TransportFeedback) -> None:
        """Pass transport-wide feedback to congestion control."""
        self._update(lambda: self.congestion.on_feedback(feedback, self._clock()))
        self._follow_payload_limit()

    def on_remb(self, bitrate: int) -> None:
        """Pass the peer's REMB, in bits/s, to congestion control."""
        self._update(lambda: self.congestion.on_remb(bitrate))

    def on_loss(self, fraction: float) -> None:
        """Pass the fraction lost in a reception report, 0 to 1, to congestion control."""
        self._update(lambda: self.congestion.on_loss(fraction, now=self._clock()))

    def on_round_trip(self, round_trip_time: Seconds) -> None:
        """Pass the round trip that a reception report gives to congestion control."""
        self.congestion.on_round_trip(round_trip_time)

    def close(self) -> None:
        """Stop the timer of the pacer, and forget all senders."""
        self._alarm.cancel()
        self._shares.clear()
        self._bitrates.clear()

    def _follow_payload_limit(self) -> None:
        limit = self.congestion.payload_limit
        if limit != self._payload_limit:
            logger.info("RTP payloads have %d octets at most from now on", limit)
            self._payload_limit = limit
            for port in tuple(self._shares):
                port.on_payload_limit(limit)

    def _update(self, change: Callable[[], None]) -> None:
        before = self.congestion.target
        change()
        if self.congestion.target != before:
            self._divide()

    def _divide(self) -> None:
        """Tell each sender its bitrate, where that has changed."""
        ports = tuple(self._shares)
        bitrates = self.congestion.allocate(tuple(self._shares.values()))
        for port, bitrate in zip(ports, bitrates, strict=True):
            # An earlier call may have made a sender give its share back.
            if port in self._shares and self._bitrates.get(port) != bitrate:
                self._bitrates[port] = bitrate
                port.on_target(bitrate)

    def _advance(self, now: MonotonicTime) -> None:
        self._pacer.advance(now)
        self._follow_payload_limit()
        self._alarm.set(self._pacer.deadline)
