"""Resampling of audio frames, with gaps between them, into mono blocks of one length. PURE."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from av import AudioFrame, AudioResampler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

#: Seconds between two frames up to which a difference is rounding, not a gap (ours).
TOLERANCE = 0.005
#: Seconds beyond which a gap is a new start, as of another stream, and is not filled (ours).
LONGEST_GAP = 60.0


class PcmBlockResampler:
    """Resamples audio frames to mono `int16` blocks, and fills gaps between frames with silence.

    Args:
        rate: Sample rate of the blocks in Hz.
        length: Samples in each block.
    """

    def __init__(self, *, rate: int, length: int) -> None:
        self._rate = rate
        self._length = length
        self._resampler: AudioResampler | None = None
        self._shape: tuple[object, ...] = ()
        # Where the next frame is expected, by its own time, in seconds.
        self._expected: Fraction | None = None
        self._rest: NDArray[np.int16] = np.zeros(0, np.int16)

    def add(self, frame: AudioFrame) -> Iterator[NDArray[np.int16]]:
        """Yield the blocks that a frame completes; exhaust this before adding the next frame."""
        sound: list[NDArray[np.int16]] = []
        shape = frame.sample_rate, frame.format.name, frame.layout.name
        missing = self._missing(frame)
        if shape != self._shape or missing or self._resampler is None:
            sound += self._flushed()
            self._shape = shape
            self._resampler = AudioResampler("s16", "mono", self._rate)
        yield from self._cut(np.concatenate([self._rest, *sound]), missing)
        yield from self._cut(
            np.concatenate([self._rest, *_arrays(self._resampler.resample(_copy(frame)))])
        )

    def finish(self) -> Iterator[NDArray[np.int16]]:
        """Yield the last block, padded with silence, if any samples are left."""
        last = np.concatenate([self._rest, *self._flushed()])
        if len(last):
            yield from self._cut(last, -len(last) % self._length)
        self._rest = np.zeros(0, np.int16)

    def _missing(self, frame: AudioFrame) -> int:
        """Return the number of samples of silence in front of a frame."""
        length = Fraction(frame.samples, frame.sample_rate)
        if frame.pts is None or not frame.time_base:
            self._expected = None if self._expected is None else self._expected + length
            return 0
        begin = frame.pts * Fraction(frame.time_base)
        gap = Fraction(0) if self._expected is None else begin - self._expected
        if abs(gap) <= TOLERANCE and self._expected is not None:
            # Follow slowly, so that rounding never adds up to a gap.
            begin, gap = self._expected + gap / 8, Fraction(0)
        self._expected = begin + length
        if not 0 < gap <= LONGEST_GAP:
            return 0
        _log.debug("a gap of %.3f s between frames is silence", gap)
        return round(gap * self._rate)

    def _cut(self, sound: NDArray[np.int16], silence: int = 0) -> Iterator[NDArray[np.int16]]:
        """Yield the full blocks of samples and the silence behind them; keep the rest."""
        at = 0
        total = len(sound) + silence
        while at + self._length <= total:
            block = np.zeros(self._length, np.int16)
            part = sound[at : at + self._length]
            block[: len(part)] = part
            at += self._length
            yield block
        self._rest = np.zeros(total - at, np.int16)
        part = sound[at:]
        self._rest[: len(part)] = part

    def _flushed(self) -> list[NDArray[np.int16]]:
        resampler, self._resampler = self._resampler, None
        return [] if resampler is None else _arrays(resampler.resample(None))


def _arrays(frames: list[AudioFrame]) -> list[NDArray[np.int16]]:
    return [frame.to_ndarray().reshape(-1).astype(np.int16, copy=False) for frame in frames]


def _copy(frame: AudioFrame) -> AudioFrame:
    """Copy a frame without its timestamp, as a resampler fills gaps by rules of its own."""
    copy = AudioFrame(frame.format.name, frame.layout.name, frame.samples)
    copy.sample_rate = frame.sample_rate
    for to, source in zip(copy.planes, frame.planes, strict=True):
        size = min(to.buffer_size, source.buffer_size)
        memoryview(to)[:size] = memoryview(source)[:size]
    return copy
