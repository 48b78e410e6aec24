"""Owns `ClockPattern`: a picture and a tone that say what time it is, to whoever measures."""

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

_RATE = 48_000
_FRAME = 960  # 20 ms
_AMPLITUDE = 0.5
_PATIENCE = 1.0
#: Seconds from the start of each second, for which it flashes and beeps.
MARK = 0.1
_PITCHES = 500.0 + 100.0 * np.arange(10)
_WHITE = (235, 128, 128)


def pitch_of(second: int) -> float:
    """What the beep at the start of a second sounds like, in hertz; it repeats after ten."""
    return float(_PITCHES[second % len(_PITCHES)])


def _now() -> datetime:
    return datetime.now().astimezone()


class ClockPattern:
    """Colour bars with the time written on them, and what tells picture and sound apart in time.

    At the start of each second the upper quarter of the picture is white, and a beep is heard, each
    for `MARK` seconds. The pitch says which second it is (`pitch_of`), `media.sources.label` reads
    the time from the picture.

    Args:
        width: In pixels, even.
        height: In pixels, even.
        rate: Pictures a second.
        clock: The time to tell; the local time by default.

    Attributes:
        video: A track.
        audio: A track.
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
    """The picture of a `ClockPattern`."""

    kind = "video"

    def __init__(self, source: MediaStreamTrack, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._moment = clock()
        self._clock = clock
        self._source = source
        # One moment for the label and the flash.
        self._labelled = OverlayTrack(source, clock=self._tell)

    async def recv(self) -> VideoFrame:
        """The next frame, `yuv420p`, when its time has come.

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
        """End the track."""
        super().stop()
        self._labelled.stop()
        self._source.stop()

    def _tell(self) -> datetime:
        self._moment = self._clock()
        return self._moment


class ClockTone(MediaTrack):
    """The sound of a `ClockPattern`."""

    kind = "audio"

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._clock = clock
        self._pace = Pace(_FRAME / _RATE, patience=_PATIENCE)
        # Of sample 0, in samples since the start of that minute.
        self._first: int | None = None

    async def recv(self) -> AudioFrame:
        """The next 20 ms, `s16` at 48 kHz, when their time has come.

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
