"""Meter of the level of audio, and of the pitch of its strongest tone."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from av import AudioFrame

from peer.values import dataclass

if TYPE_CHECKING:
    from av.frame import Frame
    from av.packet import Packet
    from av.stream import Stream
    from numpy.typing import NDArray

    from peer.times import Seconds

_FULL_SCALE = 32768.0  # Sample value of full scale in 16 bits.
_FLOOR = -96.0  # Level of silence in dBFS: the resolution of 16 bits.


@dataclass(frozen=True, slots=True)
class Tone:
    """Reading of a `ToneMeter`.

    Args:
        pitch: Pitch of the strongest tone in Hz; None in silence.
        level: Root mean square in dBFS, from -96 (silence) to 0.
    """

    pitch: float | None
    level: float


class ToneMeter:
    """Measures level and pitch of the latest 16-bit audio frames.

    Frames are only kept when they arrive; the work is done by `measure`.

    Args:
        window: Seconds of audio that are measured.
    """

    def __init__(self, window: Seconds = 0.5) -> None:
        self._window = window
        self._rate = 0
        self._samples = 0
        self._chunks: deque[NDArray[np.float64]] = deque()

    def hear(self, frame: Frame | Packet[Stream]) -> None:
        """Add an audio frame of format `s16`; other frames are ignored.

        Channels are averaged. A new sample rate discards the frames before.
        """
        if not isinstance(frame, AudioFrame) or not frame.samples:
            return
        if frame.sample_rate != self._rate:
            self._rate = frame.sample_rate
            self._chunks.clear()
            self._samples = 0
        interleaved = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
        chunk = interleaved.mean(axis=1) / _FULL_SCALE
        self._chunks.append(chunk)
        self._samples += len(chunk)
        while self._samples - len(self._chunks[0]) >= self._window * self._rate:
            self._samples -= len(self._chunks.popleft())

    def measure(self) -> Tone:
        """Measure the audio in the window."""
        if not self._samples:
            return Tone(pitch=None, level=_FLOOR)
        samples = np.concatenate(self._chunks)
        power = float(np.mean(samples**2))
        level = max(_FLOOR, 10 * math.log10(power)) if power else _FLOOR
        if level <= _FLOOR or len(samples) < 3:
            return Tone(pitch=None, level=level)
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        peak = int(np.argmax(spectrum[1:])) + 1
        return Tone(pitch=(peak + _offset(spectrum, peak)) * self._rate / len(samples), level=level)


def _offset(spectrum: NDArray[np.float64], peak: int) -> float:
    """Locate a peak between bins by a parabola through the logarithms of three of them."""
    if peak + 1 >= len(spectrum):
        return 0.0
    left, top, right = np.log(spectrum[peak - 1 : peak + 2] + 1e-12)
    curvature = left - 2 * top + right
    return float((left - right) / (2 * curvature)) if curvature < 0 else 0.0
