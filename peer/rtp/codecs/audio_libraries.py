"""Audio that the encoder of each library takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from av import AudioFrame


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The sample format, channel layout and sample rate (Hz) of audio, as PyAV names them."""

    format: str
    layout: str
    rate: int

    @classmethod
    def of(cls, frame: AudioFrame) -> AudioFormat:
        """Return the format of a frame."""
        return cls(frame.format.name, frame.layout.name, frame.sample_rate)


AUDIO_LIBRARIES: dict[str, AudioFormat] = {
    "libopus": AudioFormat("s16", "stereo", 48_000),
    "g722": AudioFormat("s16", "mono", 16_000),
    "pcm_mulaw": AudioFormat("s16", "mono", 8_000),
    "pcm_alaw": AudioFormat("s16", "mono", 8_000),
}
