"""Test pattern whose video and audio tell the time, to measure delay and synchronisation."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from media.overlay import OverlayTrack
from media.pace import Pace
from media.planes import planes, writable_copy
from media.synthetic import SyntheticVideoTrack
from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from collections.abc import Callable

#: Sample rate in Hz (ours; that of Opus).
_RATE = 48_000
_FRAME = 960  # Samples a frame: 20 ms.
#: Amplitude of the beep, of full scale 1.0 (ours).
_AMPLITUDE = 0.5
#: Seconds behind schedule beyond which frames are skipped (ours).
_SKIP_AFTER = 1.0
#: Length of a flash and a beep, in seconds from the start of a second (ours).
MARK = 0.1
_PITCHES = 500.0 + 100.0 * np.arange(10)
_WHITE = (235, 128, 128)


def pitch_of(second: int) -> float:
    """Return the pitch, in Hz, of the beep at the start of a second; repeats after ten."""
    return float(_PITCHES[second % len(_PITCHES)])


def _now() -> datetime:
    return datetime.now().astimezone()


class ClockPattern:
    """Makes colour bars with the time written on them, and a flash and a beep each second.

    For `MARK` seconds from the start of each second, the upper quarter of the picture is white and
    a beep sounds. The pitch tells which second it is (`pitch_of`); `media.sources.label` reads the
    time from the picture.

    Args:
        width: Width in pixels, even.
        height: Height in pixels, even.
        rate: Frames a second.
        clock: Returns the time to tell; the local time by default.

    Attributes:
        video: The video track.
        audio: The audio track.
    """

    def __init__(
        self,
        *,
        width: int = 640,
        height: int = 480,
        rate: int = 30,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        bars = SyntheticVideoTrack(width=width, height=height, rate=rate)
        self.video = ClockPicture(bars, clock)
        self.audio = ClockTone(clock)


class ClockPicture(MediaTrack):
    """Video track of a `ClockPattern`."""

    kind = "video"

    def __init__(self, source: MediaStreamTrack, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._moment = clock()
        self._clock = clock
        self._source = source
        # The label and the flash are of the same moment.
        self._labelled = OverlayTrack(source, clock=self._tell)

    async def recv(self) -> VideoFrame:
        """Return the next frame, `yuv420p`, when it is due.

        Raises:
            MediaStreamError: The track has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        frame = await self._labelled.recv()
        if self._moment.microsecond >= MARK * 1e6:
            return frame
        marked = writable_copy(frame)
        for plane, value in zip(planes(marked), _WHITE, strict=True):
            plane[: plane.shape[0] // 4] = value
        return marked

    def stop(self) -> None:
        """End the track and the tracks behind it."""
        super().stop()
        self._labelled.stop()
        self._source.stop()

    def _tell(self) -> datetime:
        self._moment = self._clock()
        return self._moment


class ClockTone(MediaTrack):
    """Audio track of a `ClockPattern`."""

    kind = "audio"

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._clock = clock
        self._pace = Pace(_FRAME / _RATE, skip_after=_SKIP_AFTER)
        # Time of sample 0, in samples since the start of its minute.
        self._first: int | None = None

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms, `s16` at 48 kHz, when they are due.

        Raises:
            MediaStreamError: The track has ended.
        """
        if self.readyState != "live":
            raise MediaStreamError
        number = await self._pace.next()
        if self._first is None:
            now = self._clock()
            self._first = round((now.second + now.microsecond / 1e6) * _RATE) - number * _FRAME
        at = self._first + number * _FRAME + np.arange(_FRAME)
        second, within = at // _RATE, (at % _RATE) / _RATE
        pitch = _PITCHES[second % len(_PITCHES)]
        wave = np.where(within < MARK, np.sin(2 * np.pi * pitch * within), 0.0)
        samples = (_AMPLITUDE * 32767 * wave).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = _RATE
        frame.pts = number * _FRAME
        frame.time_base = Fraction(1, _RATE)
        return frame
