"""Owns `CongestionController`: how fast one transport may send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from peer.rtp.congestion.acknowledged_bitrate import AcknowledgedBitrateEstimator
from peer.rtp.congestion.aimd import AimdRateControl
from peer.rtp.congestion.allocation import allocate
from peer.rtp.congestion.feedback_adapter import TransportFeedbackAdapter
from peer.rtp.congestion.loss_based import LossBasedController, LossWindow
from peer.rtp.congestion.trendline import TrendlineEstimator

if TYPE_CHECKING:
    from peer.rtp.congestion.allocation import Share
    from peer.rtp.rtcp import TransportFeedback

#: Bits a second.
INITIAL_BITRATE = 300_000
MINIMUM_BITRATE = 30_000
MAXIMUM_BITRATE = 30_000_000
#: Seconds after the last transport-wide feedback until reception reports count.
FEEDBACK_TIMEOUT = 2.0
#: Seconds, before any is measured.
DEFAULT_ROUND_TRIP = 0.2
#: Of one packet, with the usual extensions. Where packets are small they are half of what is sent.
HEADER_BITS = 28 * 8
#: One report stands for so many packets.
REPORT_WEIGHT = 50

_NUMBERS = 0xFFFF
_SMOOTHING = 0.25


class CongestionController:
    """The send rate of one transport, from all that the peer tells (draft-ietf-rmcat-gcc-02).

    With transport-wide feedback the delay decides, and heavy loss. Without, the peer's REMB does
    (it watches the delay for us), and heavy loss; without either, loss alone. A REMB holds in any
    case.

    Args:
        initial: Bits a second, before the peer has told anything.
        minimum: The target is never below.
        maximum: The target is never above.

    Attributes:
        next_number: The transport-wide sequence number for the packet to be sent next.
        target: How fast to send, in bits a second of RTP packets.
        round_trip_time: In seconds, as measured last; None before.
    """

    def __init__(
        self,
        *,
        initial: int = INITIAL_BITRATE,
        minimum: int = MINIMUM_BITRATE,
        maximum: int = MAXIMUM_BITRATE,
    ) -> None:
        self.next_number = 0
        self.round_trip_time: float | None = None
        self._minimum = minimum
        self._maximum = maximum
        self._remb: int | None = None
        self._told = float("-inf")
        self._reported = False
        self._sent = TransportFeedbackAdapter()
        self._acknowledged = AcknowledgedBitrateEstimator()
        self._trend = TrendlineEstimator()
        self._delay = AimdRateControl(initial)
        self._loss = LossBasedController(initial)
        self._window = LossWindow()
        self.target = initial
        self._settle()

    def on_sent(self, sizes: Sequence[int], now: float) -> None:
        """Packets were sent, of so many octets each, with the numbers from `next_number` on."""
        number = self.next_number
        self.next_number = (number + len(sizes)) & _NUMBERS
        self._sent.add(number, sizes, now)

    def on_feedback(self, feedback: TransportFeedback, now: float) -> None:
        """The peer told what arrived when."""
        delivery = self._sent.deliver(feedback)
        packets = delivery.packets
        if not packets and not delivery.lost:
            return
        self._told = now
        if packets:
            self._measure_round_trip(max(0.0, now - packets[-1][0]))
        round_trip_time = self.round_trip_time or DEFAULT_ROUND_TRIP
        self._acknowledged.update(packets)
        usage = self._trend.update(packets)
        self._delay.update(
            usage,
            self._acknowledged.bitrate,
            self._acknowledged.sent_bitrate,
            round_trip_time,
            now,
        )
        fraction = self._window.add(len(packets) + delivery.lost, delivery.lost, now)
        if fraction is not None:
            self._on_fraction(fraction, now)
        self._settle()

    def on_remb(self, bitrate: int) -> None:
        """The peer believes it can take so much, in bits a second; holds until it says other."""
        self._remb = max(0, bitrate)
        self._settle()

    def on_loss(self, fraction: float, now: float) -> None:
        """A reception report told the part lost, 0 to 1, of one stream since the report before.

        Ignored while transport-wide feedback tells more.
        """
        if now - self._told < FEEDBACK_TIMEOUT:
            return
        found = self._window.add(REPORT_WEIGHT, round(REPORT_WEIGHT * fraction), now)
        if found is not None:
            self._on_fraction(found, now)
            self._settle()

    def on_round_trip(self, seconds: float) -> None:
        """A reception report told the round trip."""
        self._reported = True
        self.round_trip_time = max(0.0, seconds)

    def allocate(self, shares: Sequence[Share]) -> tuple[int, ...]:
        """The target divided among senders, in their order, less what their headers take."""
        headers = int(self._acknowledged.packet_rate * HEADER_BITS)
        return allocate(max(self.target - headers, self.target // 2), shares)

    @property
    def _has_feedback(self) -> bool:
        return self._told > float("-inf")

    def _measure_round_trip(self, seconds: float) -> None:
        # What feedback shows has the time in it that the peer held it back.
        if self._reported:
            return
        former = self.round_trip_time
        if former is None:
            self.round_trip_time = seconds
        else:
            self.round_trip_time = former + _SMOOTHING * (seconds - former)

    def _on_fraction(self, fraction: float, now: float) -> None:
        self._loss.update(
            fraction,
            self.target,
            self._ceiling(),
            self.round_trip_time or DEFAULT_ROUND_TRIP,
            now,
        )

    def _ceiling(self) -> float:
        """What all but losses allow, in bits a second."""
        allowed = float(self._maximum)
        if self._has_feedback:
            allowed = min(allowed, self._delay.bitrate)
        if self._remb is not None:
            allowed = min(allowed, self._remb)
        return allowed

    def _settle(self) -> None:
        allowed = self._ceiling()
        if self._loss.limited or not (self._has_feedback or self._remb is not None):
            allowed = min(allowed, self._loss.bitrate)
        self.target = int(max(min(self._minimum, self._maximum), allowed))
