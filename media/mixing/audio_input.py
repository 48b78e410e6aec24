"""One input track of a mixer: read by a task, resampled, queued, and measured."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
from av import AudioFrame

from media.mixing.blocks import BlockResampler
from media.mixing.jitter import JitterQueue
from media.mixing.loudness import SILENT, decibels
from media.mixing.track_reader import TrackReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.mediastreams import MediaStreamTrack
    from av.frame import Frame
    from av.packet import Packet
    from av.stream import Stream

    from media.mixing.blocks import Block
    from peer import AudioLevel

#: Seconds without a frame after which the level of a track is that of silence (ours).
_SILENCE_AFTER = 0.2


class AudioInput:
    """Reads a track into a jitter queue of 20 ms blocks.

    Args:
        track: The input track.
        channels: Channels of the blocks, 1 or 2.
        gain: Factor for every sample.
        ended: Called once when the track ended by itself, with its error or None.

    Attributes:
        track: The input track.
        reader: The task that reads it.
    """

    def __init__(
        self,
        track: MediaStreamTrack,
        channels: int,
        gain: float,
        ended: Callable[[Exception | None], None],
    ) -> None:
        self.track = track
        self._blocks = BlockResampler(channels)
        self._gain = gain
        self._queue = JitterQueue()
        self._level = SILENT
        self._last_frame = 0.0
        self.reader = TrackReader(track, self._take, ended)

    @property
    def level(self) -> AudioLevel:
        """The level of the latest block; silence when no frame came for 0.2 seconds."""
        recent = asyncio.get_running_loop().time() - self._last_frame < _SILENCE_AFTER
        return self._level if recent else SILENT

    def block(self) -> Block | None:
        """Take the next 20 ms; None for silence."""
        return self._queue.take()

    def _take(self, frame: Frame | Packet[Stream]) -> None:
        if not isinstance(frame, AudioFrame):
            raise TypeError(f"a mixer needs decoded sound, not {type(frame).__name__}")
        self._last_frame = asyncio.get_running_loop().time()
        for block in self._blocks.cut(frame):
            if block is None:
                self._level = SILENT
                self._queue.put(None)
                continue
            loud = block if self._gain == 1.0 else block * np.float32(self._gain)
            self._level = decibels(float(np.vdot(loud, loud)) / loud.size)
            self._queue.put(loud)
