"""Extrapolation of sound over lost packets, for codecs whose decoder does not do it. PURE."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Shortest and longest pitch period that is looked for, in seconds (ITU-T G.711 appendix I).
_PITCH = (1 / 200, 1 / 66)
#: Seconds of sound that are compared to find the period (ours).
_COMPARED = 0.01
#: Seconds that are kept of what was heard (ours): two of the longest periods, and more.
_HISTORY = 0.06
#: Seconds at full level, and those in which it then fades out (G.711 appendix I: 10 and 50 ms).
_FULL, _FADE = 0.01, 0.05
#: Seconds in which the sound that is extrapolated gives way to what follows the loss (ours).
_OVERLAP = 0.004


class Extrapolator:
    """Repeats the last pitch period of sound, fading out within 60 ms, as ITU-T G.711 appendix I.

    Samples are of shape (channels, n).

    Args:
        rate: Sample rate in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._kept = 0
        # One period, and the samples that were made of it since sound was last heard.
        self._period: NDArray[np.float32] | None = None
        self._made = 0

    @property
    def running(self) -> bool:
        """True from the first samples that were made up to those that are heard next."""
        return self._period is not None

    def heard(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Take decoded samples, and return them, those after a loss with a smooth beginning."""
        if self._period is not None:
            samples = self._joined(samples)
            self._period, self._made = None, 0
        blocks, enough = self._blocks, round(_HISTORY * self._rate)
        blocks.append(samples)
        self._kept += samples.shape[1]
        while self._kept - blocks[0].shape[1] >= enough:
            self._kept -= blocks.popleft().shape[1]
        return samples

    def extrapolate(self, count: int) -> NDArray[np.int16] | None:
        """Go on for `count` samples as the sound was; None where nothing was heard before."""
        if self._period is None:
            self._period = self._find_period()
        if self._period is None:
            return None
        made = _rounded(self._continued(count))
        self._made += count
        return made

    def _continued(self, count: int) -> NDArray[Any]:
        period = self._period
        assert period is not None
        at = np.arange(self._made, self._made + count)
        fade = np.clip(1 - (at / self._rate - _FULL) / _FADE, 0.0, 1.0)
        return period[:, at % period.shape[1]] * fade

    def _joined(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        count = min(round(_OVERLAP * self._rate), samples.shape[1])
        rising = np.arange(1, count + 1) / (count + 1)
        joined = samples.copy()
        joined[:, :count] = _rounded(
            samples[:, :count] * rising + self._continued(count) * (1 - rising)
        )
        return joined

    def _find_period(self) -> NDArray[np.float32] | None:
        rate = self._rate
        least, most = (round(seconds * rate) for seconds in _PITCH)
        compared = round(_COMPARED * rate)
        if self._kept < most + compared:
            return None
        history = np.concatenate(self._blocks, axis=1).astype(np.float32)
        sound = history.sum(axis=0)
        last = sound[-compared:]
        # Those that end between one and the other period before the end.
        windows = np.lib.stride_tricks.sliding_window_view(sound, compared)
        earlier = windows[len(windows) - 1 - most : len(windows) - least][::-1]
        energy = np.sqrt((earlier * earlier).sum(axis=1)) + 1.0
        period = least + int(np.argmax(earlier @ last / energy))
        return history[:, -period:]


def _rounded(samples: NDArray[Any]) -> NDArray[np.int16]:
    rounded: NDArray[np.int16] = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return rounded
