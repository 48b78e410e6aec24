"""Video and audio tracks whose frames carry their number, and reading it after decoding."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from media.planes import FORMAT, planes

WIDTH, HEIGHT = 320, 240
#: Video and audio frames a second.
PICTURES, SOUNDS = 30, 50
RATES = {"video": PICTURES, "audio": SOUNDS}
#: Bits of a frame number, one cell of the picture for each (ours).
_BITS = 16
_CELL = WIDTH // _BITS
_DARK, _LIGHT = 40, 210
_VIDEO_CLOCK, _AUDIO_CLOCK = 90_000, 48_000
_SAMPLES = _AUDIO_CLOCK // SOUNDS
#: Number of tones, which encode a number modulo this; each has whole periods in a frame.
_TONES = 32
_LOWEST, _STEP = 400, 100
#: Samples at the end of a decoded frame that have its tone: Opus delays it by 6.5 ms.
_TONE_SAMPLES = 600


@dataclass
class Journal:
    """Times at which each frame was captured, and read at the other end, in seconds.

    Args:
        kind: "audio" or "video".
        captured: Time of capture by number.
        read: Number and time of each frame read, in order.
    """

    kind: str
    captured: dict[int, float] = field(default_factory=dict)
    read: list[tuple[int, float]] = field(default_factory=list)

    @property
    def interval(self) -> float:
        """Seconds between two frames of the source."""
        return 1 / RATES[self.kind]


class NumberedTrack(MediaStreamTrack):
    """Live source of numbered frames; skips those that were not fetched in time."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.kind = journal.kind
        self._journal = journal
        self._make = _Camera().picture if journal.kind == "video" else _sound
        self._start: float | None = None
        self._number = -1

    async def recv(self) -> VideoFrame | AudioFrame:
        """Wait until the next frame is due, and return it."""
        if self.readyState != "live":
            raise MediaStreamError
        loop = asyncio.get_running_loop()
        if self._start is None:
            self._start = loop.time()
        rate = 1 / self._journal.interval
        # As much as a tenth of a second waits, as in the buffers of a device.
        oldest = int((loop.time() - self._start - 0.1) * rate)
        self._number = max(self._number + 1, oldest)
        due = self._start + self._number / rate
        await asyncio.sleep(max(0.0, due - loop.time()))
        frame = self._make(self._number)
        self._journal.captured[self._number] = loop.time()
        return frame


class _Camera:
    """Draws the number as a row of cells above a moving, noisy pattern."""

    def __init__(self) -> None:
        shape = HEIGHT - _CELL, WIDTH
        grain = np.random.default_rng(1)
        self._grain = [grain.integers(0, 13, shape, np.uint8) for _ in range(7)]
        rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
        self._pattern = ((columns + rows) % 160 + 40).astype(np.uint8)

    def picture(self, number: int) -> VideoFrame:
        frame = VideoFrame(WIDTH, HEIGHT, FORMAT)
        y, u, v = planes(frame)
        for bit in range(_BITS):
            y[:_CELL, bit * _CELL : (bit + 1) * _CELL] = _LIGHT if number >> bit & 1 else _DARK
        y[_CELL:] = np.roll(self._pattern, 2 * number, axis=1)
        y[_CELL:] += self._grain[number % len(self._grain)]
        u[:], v[:] = 118, 138
        frame.pts = number * _VIDEO_CLOCK // PICTURES
        frame.time_base = Fraction(1, _VIDEO_CLOCK)
        return frame


def picture_number(frame: object) -> int:
    """Read the number of a video frame from its cells."""
    assert isinstance(frame, VideoFrame)
    middle = _CELL // 2
    cells = planes(frame).y[middle - 4 : middle + 4].reshape(8, _BITS, _CELL)
    light = cells[:, :, middle - 4 : middle + 4].mean(axis=(0, 2)) > (_DARK + _LIGHT) / 2
    return sum(1 << bit for bit in range(_BITS) if light[bit])


_TIMES = np.arange(_SAMPLES) / _AUDIO_CLOCK
_WAVES = np.array(
    [np.exp(2j * np.pi * (_LOWEST + _STEP * tone) * _TIMES) for tone in range(_TONES)]
)


def _sound(number: int) -> AudioFrame:
    wave = (8000 * _WAVES[number % _TONES].imag).astype(np.int16)
    frame = AudioFrame.from_ndarray(wave[None, :], format="s16", layout="mono")
    frame.sample_rate = _AUDIO_CLOCK
    frame.pts = number * _SAMPLES
    frame.time_base = Fraction(1, _AUDIO_CLOCK)
    return frame


@dataclass(slots=True)
class Listener:
    """Finds the numbers of audio frames by their time, whose origin their tones tell."""

    _votes: dict[int, int] = field(default_factory=dict)
    _frames: list[tuple[int, float]] = field(default_factory=list)

    def add(self, frame: object, now: float) -> None:
        """Add an audio frame that was read at `now`."""
        assert isinstance(frame, AudioFrame)
        assert frame.pts is not None
        place = round(frame.pts / _SAMPLES)
        self._frames.append((place, now))
        samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
        if len(samples) == _SAMPLES:
            # Not a product of matrices, which would keep the threads of a library busy.
            tone = int(
                np.abs((_WAVES[:, -_TONE_SAMPLES:] * samples[-_TONE_SAMPLES:]).sum(axis=1)).argmax()
            )
            first = (tone - place) % _TONES
            self._votes[first] = self._votes.get(first, 0) + 1

    def numbers(self, captured: dict[int, float]) -> list[tuple[int, float]]:
        """Return the number and the time of each frame.

        Raises:
            ValueError: The tones do not agree.
        """
        if not self._frames:
            return []
        first, votes = max(self._votes.items(), key=lambda vote: vote[1])
        if votes < len(self._frames) / 2:
            raise ValueError(f"of {len(self._frames)} sounds {votes} agree on their number")
        place, when = self._frames[0]
        # The first was heard within 0.6 s: later ones of the same tone had not been captured.
        latest = max(number for number, at in captured.items() if at < when)
        turn = (latest - place - first) // _TONES
        return [(place + first + turn * _TONES, when) for place, when in self._frames]
