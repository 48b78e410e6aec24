"""Owns `pcm`: the sound of a track as blocks of samples, as recognition wants it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from media.taps.blocks import Blocks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import numpy as np
    from aiortc.mediastreams import MediaStreamTrack
    from numpy.typing import NDArray

_LOWEST, _HIGHEST = 4_000, 192_000


async def pcm(
    track: MediaStreamTrack, *, rate: int = 16_000, block: float = 0.02
) -> AsyncGenerator[NDArray[np.int16], None]:
    """The sound of a track, until it ends, as mono blocks of one length.

    What is missing between two frames, by their times, is silence. While the track gives nothing,
    nothing comes: silence follows with the next frame. The track is read only as the blocks are
    fetched; a received one drops what is not fetched, which then is a gap as well.

    Args:
        track: Of sound; it is read, and never stopped.
        rate: Of the blocks, in hertz.
        block: Seconds in each.

    Yields:
        Arrays of `round(rate * block)` samples; the last one is filled with silence.

    Raises:
        ValueError: The rate is not between 4000 and 192000, or a block is empty or above 10 s.
        TypeError: The track gives no sound, or sound that is not decoded.
    """
    length = round(rate * block)
    if not _LOWEST <= rate <= _HIGHEST or not 0 < length <= 10 * rate:
        raise ValueError(f"blocks of {block} s at {rate} Hz")
    blocks = Blocks(rate, length)
    with suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if not isinstance(frame, AudioFrame):
                raise TypeError(f"the track gives {type(frame).__name__}, not decoded sound")
            for samples in blocks.add(frame):
                yield samples
    for samples in blocks.finish():
        yield samples
