"""Retransmission time-out from measured round trips (RFC 9260 section 6.3.1). PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import Seconds
    from peer.transport.sctp.core.settings import SctpSettings

# RTO.Alpha and RTO.Beta (RFC 9260 section 16).
_ALPHA, _BETA = 1 / 8, 1 / 4


class RoundTrips:
    """Round-trip times of one path, and the time-out that follows from them.

    Args:
        settings: Bounds of the time-out.

    Attributes:
        smoothed: Smoothed round-trip time; None before the first measurement.
        least: Least round-trip time measured; None before the first one.
        rto: Retransmission time-out in seconds.
    """

    def __init__(self, settings: SctpSettings) -> None:
        self._settings = settings
        self._variation = 0.0
        self.smoothed: Seconds | None = None
        self.least: Seconds | None = None
        self.rto: Seconds = settings.rto_initial

    def measure(self, rtt: Seconds) -> None:
        """Take one measurement, of a packet that was sent once (Karn's algorithm)."""
        if self.smoothed is None or self.least is None:
            self.smoothed, self._variation, self.least = rtt, rtt / 2, rtt
        else:
            self._variation += _BETA * (abs(self.smoothed - rtt) - self._variation)
            self.smoothed += _ALPHA * (rtt - self.smoothed)
            self.least = min(self.least, rtt)
        timeout = self.smoothed + 4 * self._variation
        self.rto = min(max(timeout, self._settings.rto_min), self._settings.rto_max)

    def back_off(self) -> None:
        """Double the time-out, as one has passed (RFC 9260 section 6.3.3 E2)."""
        self.rto = min(2 * self.rto, self._settings.rto_max)
