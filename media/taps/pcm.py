"""Audio of a track as PCM blocks, as speech recognition takes them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from media.taps.pcm_blocks import PcmBlockResampler

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import numpy as np
    from aiortc.mediastreams import MediaStreamTrack
    from numpy.typing import NDArray

    from peer.times import Seconds

#: Sample rates that can be asked for, in Hz (ours).
_LOWEST, _HIGHEST = 4_000, 192_000


async def pcm(
    track: MediaStreamTrack, *, rate: int = 16_000, block: Seconds = 0.02
) -> AsyncGenerator[NDArray[np.int16], None]:
    """Yield the audio of a track, until it ends, as mono blocks of one length.

    A gap between two frames, by their timestamps, becomes silence, which is yielded when the later
    frame arrives. The track is read only as blocks are fetched; a received track drops frames that
    are not fetched, which leaves a gap as well.

    Args:
        track: The audio track; it is read, and never stopped.
        rate: Sample rate of the blocks in Hz.
        block: Seconds in each block.

    Yields:
        Arrays of `round(rate * block)` samples; the last one is padded with silence.

    Raises:
        ValueError: The rate is not between 4000 and 192000, or a block is empty or above 10 s.
        TypeError: The track gives no audio, or encoded audio.
    """
    length = round(rate * block)
    if not _LOWEST <= rate <= _HIGHEST or not 0 < length <= 10 * rate:
        raise ValueError(f"blocks of {block} s at {rate} Hz")
    blocks = PcmBlockResampler(rate=rate, length=length)
    with suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if not isinstance(frame, AudioFrame):
                raise TypeError(f"the track gives {type(frame).__name__}, not decoded sound")
            for samples in blocks.add(frame):
                yield samples
    for samples in blocks.finish():
        yield samples
