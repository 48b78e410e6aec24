"""Output track of an audio mixer."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from media.mixing.blocks import RATE, SAMPLES
from media.mixing.limiter import Limiter
from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from collections.abc import Collection

    from media.mixing.blocks import Block
    from media.mixing.mix import Mix
    from media.mixing.paced_producer import PacedProducer

_TIME_BASE = Fraction(1, RATE)


class MixedTrack(MediaTrack):
    """Gives a mixer's sound to one reader, in `s16` frames of 20 ms at 48 kHz.

    Args:
        producer: The mixer's producer of mixes.
        channels: 1 or 2.
        left_out: The inputs that are not mixed in.
    """

    kind = "audio"

    def __init__(
        self, producer: PacedProducer[Mix], channels: int, left_out: Collection[MediaStreamTrack]
    ) -> None:
        super().__init__()
        self._producer = producer
        self._buffer = producer.buffer()
        self._channels = channels
        # The tracks are kept, so that no other object can get the `id` of one.
        self._left_out = {id(track): track for track in left_out}
        self._limiter = Limiter()

    async def recv(self) -> AudioFrame:
        """Return the next frame when it is due.

        Raises:
            MediaStreamError: This track was stopped, or the mixer was closed.
        """
        if self.readyState != "live":
            raise MediaStreamError
        try:
            mix = await self._buffer.get()
        except MediaStreamError:
            self.stop()
            raise
        block = mix.without(self._left_out)
        return self._frame(mix.number, None if block is None else self._limiter.limit(block))

    def stop(self) -> None:
        """End this track, while the mixer and other tracks of it go on."""
        self._producer.remove(self._buffer)
        super().stop()

    def _frame(self, number: int, block: Block | None) -> AudioFrame:
        if block is None:
            samples = np.zeros((1, SAMPLES * self._channels), dtype=np.int16)
        else:
            samples = np.rint(block * 32767).astype(np.int16).reshape(1, -1)
        layout = "stereo" if self._channels == 2 else "mono"
        frame = AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate = RATE
        frame.pts = number * SAMPLES
        frame.time_base = _TIME_BASE
        return frame
