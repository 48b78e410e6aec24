"""Tells a relayed track what its viewer can be sent, and tries whether that is more.

A path is known to take only what was sent over it. Where a larger encoding of a simulcast waits and
the present one needs less than is allotted, padding makes up for the difference, as for the layers
that a sender encodes itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.push_track import PushTrack
    from peer.times import MonotonicTime

#: Seconds between two looks at the encodings and at what was sent (ours).
INTERVAL = 0.05
#: Most octets of padding of one look (ours): those of 10 Mbit/s.
_MOST_PADDING = 62_500


class BandwidthReport:
    """Reports the bandwidth of one sender to the track that it sends, until `stop`.

    Args:
        track: Follows the bandwidth.
        clock: Monotonic clock.
        pad: Sends padding of so many octets, and returns the octets sent since the beginning.
    """

    def __init__(
        self, track: PushTrack, clock: Callable[[], MonotonicTime], pad: Callable[[int], int]
    ) -> None:
        self._track = track
        self._clock = clock
        self._pad = pad
        self._bandwidth: int | None = None
        self._sent = 0
        self._alarm = Alarm(clock, self._on_time)

    def __repr__(self) -> str:
        return f"<BandwidthReport {self._bandwidth} to {self._track!r}>"

    def set_bandwidth(self, bps: int | None) -> None:
        """Report another bandwidth, in bits/s of payload; None while nothing is sent."""
        if bps == self._bandwidth:
            return
        self._bandwidth = bps
        self._track.on_bandwidth(self, bps)
        if bps is not None and self._alarm.deadline is None:
            self._sent = self._pad(0)
            self._alarm.set(self._clock() + INTERVAL)

    def stop(self) -> None:
        """Report nothing any more."""
        self._track.on_bandwidth(self, None)
        self._alarm.cancel()

    def _on_time(self, now: MonotonicTime) -> None:
        bandwidth = self._bandwidth
        if bandwidth is None or self._track.readyState != "live":
            return
        self._alarm.set(now + INTERVAL)
        waiting = self._track.on_bandwidth(self, bandwidth)
        sent = self._pad(0)
        rate = 0 if waiting is None else min(waiting, bandwidth)
        missing = min(round(rate * INTERVAL / 8), _MOST_PADDING) - (sent - self._sent)
        # Octets are not saved up: a large picture is no reason to send nothing for a while.
        self._sent = sent if missing <= 0 else self._pad(missing)
