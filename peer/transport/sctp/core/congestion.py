"""Congestion window by CUBIC (RFC 9438), in bytes as RFC 9260 section 7.2 counts. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

# C and beta of CUBIC (RFC 9438 sections 4.1 and 4.6).
_C: Final = 0.4
_BETA: Final = 0.7
# Increase that gives Reno's average window with CUBIC's decrease (RFC 9438 section 4.3).
_RENO: Final = 3 * (1 - _BETA) / (1 + _BETA)


class CongestionWindow:
    """Bytes of user data that may be under way.

    Args:
        packet: Bytes of a full packet.
        initial: Packets of the first window.
        most: Bytes of the largest window.

    Attributes:
        size: The window in bytes.
        threshold: Bytes up to which the window grows by what is acknowledged (slow start).
    """

    def __init__(self, *, packet: int, initial: int, most: int) -> None:
        self._packet = packet
        self._most = most
        self._epoch: MonotonicTime | None = None
        self._before = 0.0
        self._reno = 0.0
        self._duration: Seconds = 0.0
        self.size = packet * initial
        self.threshold = most

    def __repr__(self) -> str:
        return f"<CongestionWindow {self.size} bytes, threshold {self.threshold}>"

    def on_acknowledged(self, size: int, *, now: MonotonicTime, rtt: Seconds) -> None:
        """Grow, as the window was full and so many bytes of it have arrived."""
        if self.size < self.threshold:
            self.size = min(self.size + size, self._most)
            return
        packets = self.size / self._packet
        if self._epoch is None:
            self._epoch, self._reno = now, packets
            self._before = max(self._before, packets)
            self._duration = ((self._before - packets) / _C) ** (1 / 3)
        growth = _RENO if self._reno < self._before else 1.0
        self._reno += growth * size / self.size
        # RFC 9438 section 4.2: where the window is to be one round trip from now.
        elapsed = now - self._epoch + rtt - self._duration
        target = min(max(_C * elapsed**3 + self._before, packets), 1.5 * packets)
        grown = packets + (target - packets) * size / self.size
        self.size = min(int(max(grown, self._reno) * self._packet), self._most)

    def on_loss(self) -> None:
        """Shrink, as packets were lost; once for each window of data."""
        packets = self.size / self._packet
        # RFC 9438 section 4.7, fast convergence: others need room.
        self._before = packets * (1 + _BETA) / 2 if packets < self._before else packets
        self._epoch = None
        self.size = self.threshold = max(int(self.size * _BETA), 2 * self._packet)

    def on_timeout(self) -> None:
        """Begin anew with one packet (RFC 9260 section 7.2.3)."""
        self.on_loss()
        self.size = self._packet
