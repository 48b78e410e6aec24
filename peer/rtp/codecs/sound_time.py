"""Owns the times of packets of sound, counted in samples for as long as the frames follow."""

from __future__ import annotations

from fractions import Fraction

# Seconds. Times in milliseconds are rounded; a real gap is a lost frame at least.
TOLERANCE = Fraction(1, 50)


class SoundTime:
    """Where frames begin, and where the packets made of them do. Times are in seconds."""

    def __init__(self) -> None:
        self._end: Fraction | None = None
        self._packet = Fraction(0)

    def follows(self, time: Fraction | None, duration: Fraction) -> bool:
        """Take a frame; whether it goes on where the one before ended.

        Where it does not, packets begin at it anew.

        Args:
            time: Of its first sample; None where the track does not say.
            duration: Of the frame.
        """
        end = self._end
        if end is not None and (time is None or abs(time - end) <= TOLERANCE):
            self._end = end + duration
            return True
        self._packet = time or Fraction(0)
        self._end = self._packet + duration
        return False

    def next_packet(self, duration: Fraction) -> Fraction:
        """The time of the next packet, which lasts so long."""
        time, self._packet = self._packet, self._packet + duration
        return time
