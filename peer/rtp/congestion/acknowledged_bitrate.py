"""Estimates the bitrate that reaches the peer, from transport-wide feedback. PURE."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.congestion.feedback_adapter import AckedPacket

#: Window of the estimate, in seconds (libwebrtc: 0.5 at first, 0.15 later).
WINDOW = 0.5
#: Shortest span of arrivals, in seconds, that gives an estimate (ours).
MIN_SPAN = 0.1
#: Most feedback packets kept (ours).
MAX_ENTRIES = 128
#: A step of the peer's clock of more seconds than this discards the window (ours).
CLOCK_STEP = 60


class AcknowledgedBitrateEstimator:
    """Estimates the acknowledged bitrate: bits that arrived at the peer, each second.

    Attributes:
        bitrate: Acknowledged bitrate in bits/s; None before enough packets were acknowledged.
        sent_bitrate: Bitrate in bits/s at which the same packets were sent.
        packet_rate: Acknowledged packets per second.
    """

    def __init__(self) -> None:
        # One entry per feedback: when its last packet was sent and arrived, octets, packets.
        self._entries: deque[tuple[float, float, int, int]] = deque(maxlen=MAX_ENTRIES)
        self.bitrate: float | None = None
        self.sent_bitrate: float | None = None
        self.packet_rate = 0.0

    def update(self, packets: Sequence[AckedPacket]) -> None:
        """Add the packets that one feedback acknowledged, and update the three rates."""
        if not packets:
            return
        entries = self._entries
        sent = max(each[0] for each in packets)
        arrived = max(each[1] for each in packets)
        if entries and not 0 <= arrived - entries[-1][1] < CLOCK_STEP:
            entries.clear()
        entries.append((sent, arrived, sum(each[2] for each in packets), len(packets)))
        while len(entries) > 2 and arrived - entries[1][1] >= WINDOW:
            entries.popleft()
        first_sent, first_arrived, first_octets, first_packets = entries[0]
        span = arrived - first_arrived
        if span < MIN_SPAN:
            return
        bits = 8 * (sum(each[2] for each in entries) - first_octets)
        self.bitrate = bits / span
        self.packet_rate = (sum(each[3] for each in entries) - first_packets) / span
        self.sent_bitrate = bits / max(sent - first_sent, MIN_SPAN)
