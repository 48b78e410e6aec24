"""Frames as a track gives them, completed with a time where they have none."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias, cast

from av import AudioFrame, VideoFrame
from av.packet import Packet

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.frame_time import at_time, duration_of, time_base_of
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from typing import Any

    from peer.times import MonotonicTime, UnixTime

    Decoded: TypeAlias = AudioFrame | VideoFrame
    Encoded: TypeAlias = Packet[Any] | EncodedFrame

CLOCK_TIME_BASE = Fraction(1, 90_000)
#: Durations of an audio frame without a time after which a late one begins after a pause (ours).
PAUSE_FRAMES = 4


@dataclass(frozen=True, slots=True)
class TrackFrame:
    """One frame of a track, with its time.

    Args:
        item: Decoded or encoded frame.
        pts: Time on the timeline of the track.
        time_base: Seconds of a tick of `pts`.
        capture_monotonic: When the frame was read.
        capture_time: When the frame was captured; None where not known.
    """

    item: Decoded | Encoded
    pts: int
    time_base: Fraction
    capture_monotonic: MonotonicTime
    capture_time: UnixTime | None

    @property
    def time(self) -> Fraction:
        """The time of the frame in seconds."""
        return self.pts * self.time_base


class TrackFrameReader:
    """Checks what a track of one kind gives, and completes its times.

    Args:
        kind: Audio or video.
    """

    def __init__(self, kind: MediaKind) -> None:
        self._kind = kind
        self._end: Fraction | None = None

    def read(self, item: object, *, now: MonotonicTime, unix_now: UnixTime) -> TrackFrame:
        """Return what a track gave as a frame with a time.

        Args:
            item: Anything that a track gave.
            now: Present time.
            unix_now: Present time since 1970.

        Raises:
            TypeError: The item is no frame of this kind.
        """
        expected = AudioFrame if self._kind is MediaKind.AUDIO else VideoFrame
        if isinstance(item, EncodedFrame):
            if item.codec.kind is not self._kind:
                raise TypeError(f"the track gave a frame of {item.codec.mimeType}")
            base = _time_base(item.codec.clock_rate)
            return TrackFrame(item, item.pts, base, now, item.wall_clock)
        if not isinstance(item, (expected, Packet)):
            raise TypeError(f"the track gave {type(item).__name__} instead of a frame")
        own = time_base_of(item)
        if item.pts is not None and own is not None:
            return TrackFrame(item, item.pts, own, now, unix_now)
        pts, base = self._time(item, now)
        timed = cast("Decoded | Encoded", at_time(item, pts, base))
        return TrackFrame(timed, pts, base, now, unix_now)

    def _time(self, item: Decoded | Packet[Any], now: MonotonicTime) -> tuple[int, Fraction]:
        duration = duration_of(item)
        present = Fraction(round(now / CLOCK_TIME_BASE)) * CLOCK_TIME_BASE
        # Audio is counted in samples: a few frames early or late are jitter.
        follows = self._end is not None and abs(present - self._end) <= PAUSE_FRAMES * duration
        time = self._end if follows and self._end is not None else present
        self._end = time + duration
        return round(time / CLOCK_TIME_BASE), CLOCK_TIME_BASE


# The same object for all frames of a stream: `SendTimeline.place` compares identities first.
@lru_cache(maxsize=16)
def _time_base(clock_rate: int) -> Fraction:
    return Fraction(1, clock_rate)
