"""Owns an audio track that speaks faster than real time."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

#: Pitch of what is said in Hz (ours).
TONE = 440.0


class Speaker:
    """A track that says a tone for some seconds, faster than real time, and then ends or waits."""

    kind = "audio"

    def __init__(self, seconds: float, *, gap: float = 0.0, then_waits: bool = False) -> None:
        self._frames = round(seconds * 50)
        self._gap = round(gap * 48_000)
        self._then_waits = then_waits
        self._given = 0
        self.all_given = asyncio.Event()

    async def recv(self) -> AudioFrame:
        if self._given >= self._frames:
            self.all_given.set()
            if self._then_waits:
                await asyncio.get_running_loop().create_future()
            raise MediaStreamError
        at = self._given * 960
        tone = 12_000 * np.sin(2 * np.pi * TONE * np.arange(at, at + 960) / 48_000)
        samples = tone.astype(np.int16).reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.time_base = Fraction(1, 48_000)
        # Half of the sound, then the gap, then the other half.
        frame.pts = at + (self._gap if self._given >= self._frames // 2 else 0)
        self._given += 1
        return frame
