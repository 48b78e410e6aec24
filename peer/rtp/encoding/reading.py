"""Owns what a track gave, with the time that it lacks put in."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, cast

from av import AudioFrame, VideoFrame
from av.packet import Packet

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.frame_time import at_time, duration_of, time_base_of
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime

if TYPE_CHECKING:
    from typing import Any

    Decoded: TypeAlias = AudioFrame | VideoFrame
    Encoded: TypeAlias = Packet[Any] | EncodedFrame

CLOCK_TIME_BASE = Fraction(1, 90_000)
# In durations of a frame: sound that is later than this begins after a pause.
PAUSE = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """One frame of a track.

    Args:
        item: Decoded or encoded.
        pts: Its time on the track's timeline.
        time_base: Seconds for each tick of `pts`.
        capture_monotonic: When it was read, in seconds of the monotonic clock.
        capture_time: When it was captured, in seconds since 1970; None where nobody knows.
    """

    item: Decoded | Encoded
    pts: int
    time_base: Fraction
    capture_monotonic: float
    capture_time: UnixTime | None

    @property
    def time(self) -> Fraction:
        """Its time in seconds."""
        return self.pts * self.time_base


class Reader:
    """Makes readings of what a track of one kind gives.

    Args:
        kind: Audio or video.
    """

    def __init__(self, kind: MediaKind) -> None:
        self._kind = kind
        self._end: Fraction | None = None

    def read(self, item: object, capture_monotonic: float, wall_clock: float) -> Reading:
        """Take what a track gave at this moment.

        Args:
            item: Whatever it is.
            capture_monotonic: In seconds of the monotonic clock.
            wall_clock: The same moment, in seconds since 1970.

        Raises:
            TypeError: It is no frame of this kind.
        """
        expected = AudioFrame if self._kind is MediaKind.AUDIO else VideoFrame
        if isinstance(item, EncodedFrame):
            if item.codec.kind is not self._kind:
                raise TypeError(f"the track gave a frame of {item.codec.mimeType}")
            base = _base_of(item.codec.clock_rate)
            said = item.wall_clock
            captured = None if said is None else UnixTime(said)
            return Reading(item, item.pts, base, capture_monotonic, captured)
        if not isinstance(item, (expected, Packet)):
            raise TypeError(f"the track gave {type(item).__name__} instead of a frame")
        pts, base = self._time(item, capture_monotonic)
        timed = cast("Decoded | Encoded", at_time(item, pts, base))
        return Reading(timed, pts, base, capture_monotonic, UnixTime(wall_clock))

    def _time(self, item: Decoded | Packet[Any], capture_monotonic: float) -> tuple[int, Fraction]:
        base = time_base_of(item)
        if item.pts is not None and base is not None:
            return item.pts, base
        duration = duration_of(item)
        now = Fraction(round(capture_monotonic / CLOCK_TIME_BASE)) * CLOCK_TIME_BASE
        # Sound is counted in samples: that it comes early or late by some frames is jitter.
        counted = self._end is not None and abs(now - self._end) <= PAUSE * duration
        time = self._end if counted and self._end is not None else now
        self._end = time + duration
        return round(time / CLOCK_TIME_BASE), CLOCK_TIME_BASE


# One and the same for all the frames of a stream, which whoever places them is quick to see.
@lru_cache(maxsize=16)
def _base_of(clock_rate: int) -> Fraction:
    return Fraction(1, clock_rate)
