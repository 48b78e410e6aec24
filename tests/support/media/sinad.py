"""Purity of a tone after its way through resamplers and queues."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sinad(samples: NDArray[Any], frequency: float, *, rate: int) -> float:
    """Give the power of a tone over that of all else in the samples (SINAD), in dB.

    Args:
        samples: Samples of one channel.
        frequency: Frequency of the tone in Hz; amplitude and phase are found.
        rate: Sample rate in Hz.
    """
    signal = samples.astype(float)
    turns = 2 * math.pi * frequency * np.arange(len(signal)) / rate
    basis = np.stack([np.sin(turns), np.cos(turns), np.ones(len(signal))], axis=1)
    fit = basis @ np.linalg.lstsq(basis, signal, rcond=None)[0]
    return float(10 * np.log10((fit**2).sum() / max(((signal - fit) ** 2).sum(), 1e-9)))
