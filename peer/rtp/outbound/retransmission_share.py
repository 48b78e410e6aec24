"""Measures the part of the bitrate that retransmissions take from an encoder. PURE."""

from __future__ import annotations

#: Least change of the share that is passed to the encoder (ours).
_STEP = 0.02
#: Largest share (ours): half of the bitrate is for new frames, however bad the path is.
_MAX_SHARE = 0.5
#: Weight of a new sample in the smoothed share (ours).
_SMOOTHING = 0.5


class RetransmissionShare:
    """Follows the octets sent for the first time and again, from report to report of the peer.

    Attributes:
        share: Retransmitted octets among all octets of payload, 0 to 0.5.
    """

    def __init__(self) -> None:
        self.share = 0.0
        self._smoothed = 0.0
        self._octets = 0
        self._retransmitted = 0

    def update(self, *, octets: int, retransmitted: int) -> bool:
        """Update the share by the octets sent so far, and return whether it has changed.

        Args:
            octets: Octets of payload sent for the first time, since the beginning.
            retransmitted: Octets of payload sent again, since the beginning.
        """
        new, again = octets - self._octets, retransmitted - self._retransmitted
        self._octets, self._retransmitted = octets, retransmitted
        if new + again <= 0:
            return False
        self._smoothed += _SMOOTHING * (again / (new + again) - self._smoothed)
        if abs(self._smoothed - self.share) < _STEP:
            return False
        self.share = min(self._smoothed, _MAX_SHARE)
        return True
