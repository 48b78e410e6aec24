"""Google Congestion Control of one transport: the target bitrate of all its senders. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.congestion.acknowledged_bitrate import AcknowledgedBitrateEstimator
from peer.rtp.congestion.aimd import AimdRateControl
from peer.rtp.congestion.allocation import allocate
from peer.rtp.congestion.feedback_adapter import TransportFeedbackAdapter
from peer.rtp.congestion.loss_based import LossBasedController, LossWindow
from peer.rtp.congestion.packet_size import PacketSizeLimit
from peer.rtp.congestion.trendline import TrendlineEstimator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.congestion.allocation import Share
    from peer.rtp.rtcp import TransportFeedback
    from peer.times import MonotonicTime, Seconds

#: Target in bits/s before the peer has reported anything (libwebrtc: 300 kbit/s).
INITIAL_BITRATE = 300_000
#: Least target in bits/s (ours).
MINIMUM_BITRATE = 30_000
#: Highest target in bits/s (libwebrtc's AimdRateControl: 30 Mbit/s).
MAXIMUM_BITRATE = 30_000_000
#: Seconds after the last transport-wide feedback until reception reports count (ours).
FEEDBACK_TIMEOUT = 2.0
#: Round trip in seconds before one is measured (libwebrtc: 0.2).
DEFAULT_ROUND_TRIP = 0.2
#: Bits of the RTP header of one packet with the usual extensions, which the share of a sender
#: leaves out (ours): where packets are small, headers are half of the bitrate.
HEADER_BITS = 28 * 8
#: Packets that one reception report stands for (ours).
REPORT_WEIGHT = 50

#: Mask of 16 bits: transport-wide sequence numbers.
_SEQUENCE_MASK = 0xFFFF
#: Weight of a new sample in the round trip measured by feedback (ours).
_SMOOTHING = 0.25


class CongestionController:
    """Computes the target bitrate of one transport (draft-ietf-rmcat-gcc-02).

    With transport-wide feedback, the target is the delay-based rate, limited by heavy loss.
    Without it, the target is the peer's REMB (a delay-based estimate of the receiver), limited by
    heavy loss; without either, the loss-based rate. A REMB is an upper bound in any case.

    Args:
        initial: Target in bits/s before the peer has reported anything.
        minimum: Least target in bits/s.
        maximum: Highest target in bits/s.

    Attributes:
        next_sequence_number: Transport-wide sequence number of the packet to be sent next.
        target: Target bitrate in bits/s of RTP packets.
        round_trip_time: Last measured round trip in seconds; None before a measurement.
    """

    def __init__(
        self,
        *,
        initial: int = INITIAL_BITRATE,
        minimum: int = MINIMUM_BITRATE,
        maximum: int = MAXIMUM_BITRATE,
    ) -> None:
        self.next_sequence_number = 0
        self.round_trip_time: Seconds | None = None
        self._initial = initial
        self._minimum = minimum
        self._maximum = maximum
        self._remb: int | None = None
        self._last_feedback: MonotonicTime = float("-inf")
        self._has_reported_round_trip = False
        self._sent = TransportFeedbackAdapter()
        self._acknowledged = AcknowledgedBitrateEstimator()
        self._trendline = TrendlineEstimator()
        self._delay_based = AimdRateControl(initial)
        self._loss_based = LossBasedController(initial)
        self._loss_window = LossWindow()
        self._packet_size = PacketSizeLimit()
        self.target = initial
        self._update_target()

    def __repr__(self) -> str:
        """Show the target and the estimates that it comes of, in bits/s."""
        return (
            f"<CongestionController target={self.target} delay={self._delay_based.bitrate:.0f}"
            f" loss={self._loss_based.bitrate:.0f} remb={self._remb} rtt={self.round_trip_time}>"
        )

    def on_sent(self, sizes: Sequence[int], now: MonotonicTime) -> None:
        """Record sent packets, which have the numbers from `next_sequence_number` on.

        Args:
            sizes: Octets of each packet.
            now: Time of sending.
        """
        number = self.next_sequence_number
        self.next_sequence_number = (number + len(sizes)) & _SEQUENCE_MASK
        self._sent.add_packets(number, sizes, now)
        if self._packet_size.unanswered:
            self._packet_size.on_sent(sizes, now)

    def on_feedback(self, feedback: TransportFeedback, now: MonotonicTime) -> None:
        """Update the target by transport-wide feedback."""
        result = self._sent.process(feedback)
        packets = result.packets
        if not packets and not result.lost:
            return
        self._last_feedback = now
        if self._packet_size.update(packets, result.lost_sizes, now):
            self._begin_anew()
        if packets:
            self._measure_round_trip(max(0.0, now - packets[-1][0]))
        self._acknowledged.update(packets)
        self._delay_based.update(
            self._trendline.update(packets),
            acknowledged=self._acknowledged.bitrate,
            sent=self._acknowledged.sent_bitrate,
            round_trip_time=self.round_trip_time or DEFAULT_ROUND_TRIP,
            now=now,
        )
        # Copies of packets from before are as large as they were.
        lost = result.lost - self._packet_size.too_large(result.lost_sizes)
        fraction = self._loss_window.add(expected=len(packets) + lost, lost=lost, now=now)
        if fraction is not None:
            self._on_fraction_lost(fraction, now=now)
        self._update_target()

    def on_remb(self, bitrate: int) -> None:
        """Bound the target by the peer's REMB, in bits/s, until the next one."""
        self._remb = max(0, bitrate)
        self._update_target()

    def on_loss(self, fraction: float, *, now: MonotonicTime) -> None:
        """Update the target by the loss in a reception report, unless feedback says more.

        Args:
            fraction: Fraction lost of one stream since the report before, 0 to 1.
            now: Time of the report.
        """
        self._packet_size.on_report()
        if now - self._last_feedback < FEEDBACK_TIMEOUT:
            return
        lost = round(REPORT_WEIGHT * fraction)
        found = self._loss_window.add(expected=REPORT_WEIGHT, lost=lost, now=now)
        if found is not None:
            self._on_fraction_lost(found, now=now)
            self._update_target()

    def on_round_trip(self, round_trip_time: Seconds) -> None:
        """Take the round trip that a reception report gives, instead of that of feedback."""
        self._has_reported_round_trip = True
        self.round_trip_time = max(0.0, round_trip_time)

    def allocate(self, shares: Sequence[Share]) -> tuple[int, ...]:
        """Divide the target, less the bitrate of RTP headers, among shares in their order."""
        headers = int(self._acknowledged.packet_rate * HEADER_BITS)
        return allocate(max(self.target - headers, self.target // 2), shares)

    @property
    def payload_limit(self) -> int:
        """Octets of an RTP payload at most, as larger packets do not get through."""
        return self._packet_size.payload_limit

    @property
    def _has_feedback(self) -> bool:
        return self._last_feedback > float("-inf")

    def _begin_anew(self) -> None:
        """Estimate anew, from the first rate on: size was what packets were lost for, not rate."""
        rate = max(self.target, self._initial)
        self._acknowledged = AcknowledgedBitrateEstimator()
        self._trendline = TrendlineEstimator()
        self._delay_based = AimdRateControl(rate)
        self._loss_based = LossBasedController(rate)
        self._loss_window = LossWindow()

    def _measure_round_trip(self, sample: Seconds) -> None:
        # A sample by feedback includes the time for which the peer held the feedback back.
        if self._has_reported_round_trip:
            return
        former = self.round_trip_time
        if former is None:
            self.round_trip_time = sample
        else:
            self.round_trip_time = former + _SMOOTHING * (sample - former)

    def _on_fraction_lost(self, fraction: float, *, now: MonotonicTime) -> None:
        self._loss_based.update(
            fraction,
            target=self.target,
            ceiling=self._ceiling(),
            round_trip_time=self.round_trip_time or DEFAULT_ROUND_TRIP,
            now=now,
        )

    def _ceiling(self) -> float:
        """Return the bitrate in bits/s that all estimates but the loss-based one allow."""
        allowed = float(self._maximum)
        if self._has_feedback:
            allowed = min(allowed, self._delay_based.bitrate)
        if self._remb is not None:
            allowed = min(allowed, self._remb)
        return allowed

    def _update_target(self) -> None:
        allowed = self._ceiling()
        if self._loss_based.limited or not (self._has_feedback or self._remb is not None):
            allowed = min(allowed, self._loss_based.bitrate)
        self.target = int(max(min(self._minimum, self._maximum), allowed))
