"""Owns the measure of a sound: its level, and the pitch of its strongest tone."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from av import AudioFrame

if TYPE_CHECKING:
    from av.frame import Frame
    from av.packet import Packet
    from av.stream import Stream
    from numpy.typing import NDArray

_FULL_SCALE = 32768.0
_FLOOR = -96.0  # dBFS: the resolution of 16 bits, and so what silence shows as


@dataclass(frozen=True, slots=True)
class Tone:
    """What a meter heard.

    Args:
        pitch: Of the strongest tone, in hertz; None in silence.
        level: Root mean square in dBFS, from -96 (silence) to 0.
    """

    pitch: float | None
    level: float


class ToneMeter:
    """Listens to the last half second of 16-bit audio frames.

    The frames are only kept when they arrive; the work is done when `measure` is called.
    """

    def __init__(self, window: float = 0.5) -> None:
        self._window = window
        self._rate = 0
        self._samples = 0
        self._chunks: deque[NDArray[np.float64]] = deque()

    def hear(self, frame: Frame | Packet[Stream]) -> None:
        """Take an audio frame of format `s16`; anything else is passed over.

        Its channels are mixed. A new sample rate starts afresh.
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
        """What the window holds now."""
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
    """Where the top lies between bins: a parabola through the logarithms of three of them."""
    if peak + 1 >= len(spectrum):
        return 0.0
    left, top, right = np.log(spectrum[peak - 1 : peak + 2] + 1e-12)
    curvature = left - 2 * top + right
    return float((left - right) / (2 * curvature)) if curvature < 0 else 0.0
