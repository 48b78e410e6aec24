"""Owns one input of a mixer: its reading, its queue and its level."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
from av import AudioFrame

from media.mixing.blocks import Blocks
from media.mixing.jitter import JitterQueue
from media.mixing.loudness import SILENT, decibels
from media.mixing.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.mediastreams import MediaStreamTrack
    from av.frame import Frame
    from av.packet import Packet
    from av.stream import Stream

    from media.mixing.blocks import Block
    from peer import AudioLevel

#: Seconds after which the level of a track that gives nothing is that of silence.
_LATELY = 0.2


class AudioInput:
    """Reads a track into a queue of blocks.

    Args:
        track: The input.
        channels: Of the blocks.
        gain: What every sample is multiplied by.
        ended: Called once when the track has ended by itself, with the error where there was one.
    """

    def __init__(
        self,
        track: MediaStreamTrack,
        channels: int,
        gain: float,
        ended: Callable[[Exception | None], None],
    ) -> None:
        self.track = track
        self._blocks = Blocks(channels)
        self._gain = gain
        self._queue = JitterQueue()
        self._level = SILENT
        self._heard = 0.0
        self.reading = Reading(track, self._take, ended)

    @property
    def level(self) -> AudioLevel:
        """How loud it is."""
        lately = asyncio.get_running_loop().time() - self._heard < _LATELY
        return self._level if lately else SILENT

    def block(self) -> Block | None:
        """The next 20 ms; None for silence."""
        return self._queue.take()

    def _take(self, frame: Frame | Packet[Stream]) -> None:
        if not isinstance(frame, AudioFrame):
            raise TypeError(f"a mixer needs decoded sound, not {type(frame).__name__}")
        self._heard = asyncio.get_running_loop().time()
        for block in self._blocks.cut(frame):
            if block is None:
                self._level = SILENT
                self._queue.put(None)
                continue
            loud = block if self._gain == 1.0 else block * np.float32(self._gain)
            self._level = decibels(float(np.vdot(loud, loud)) / loud.size)
            self._queue.put(loud)
