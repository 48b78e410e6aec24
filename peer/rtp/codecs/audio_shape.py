"""Owns the one shape of sound that an encoder is given, whatever the tracks produce."""

from __future__ import annotations

from dataclasses import dataclass

from av import AudioFrame, AudioResampler

FRAMES_PER_SECOND = 50


@dataclass(frozen=True, slots=True)
class AudioShape:
    """Sample format, layout and rate (hertz) as av names them."""

    format: str
    layout: str
    rate: int

    @classmethod
    def of(cls, frame: AudioFrame) -> AudioShape:
        """The shape of a frame."""
        return cls(frame.format.name, frame.layout.name, frame.sample_rate)


class AudioShaper:
    """Makes 20 ms frames of one shape of the frames of one track.

    aiortc's encoders refuse a shape other than that of their first frame, and give packets of one
    long frame one and the same timestamp.

    Args:
        shape: What to make.
    """

    def __init__(self, shape: AudioShape) -> None:
        self._shape = shape
        self._resampler: AudioResampler | None = None
        self._resampled: AudioShape | None = None

    def shape(self, frame: AudioFrame) -> list[AudioFrame]:
        """The frames that are complete with this one: none, itself, or new ones."""
        given = AudioShape.of(frame)
        if self._resampler is None and given == self._shape and _lasts_20_ms(frame):
            return [frame]
        if self._resampler is None or given != self._resampled:
            self._resampled = given
            self._resampler = AudioResampler(
                format=self._shape.format,
                layout=self._shape.layout,
                rate=self._shape.rate,
                frame_size=self._shape.rate // FRAMES_PER_SECOND,
            )
        return self._resampler.resample(frame)


def _lasts_20_ms(frame: AudioFrame) -> bool:
    return frame.samples * FRAMES_PER_SECOND == frame.sample_rate
