from __future__ import annotations

import numpy as np
import pytest

from media import SyntheticAudioTrack
from media.taps.pcm import pcm
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.frames import GivenTrack, flat_picture, tone


@in_virtual_time
async def test_a_track_becomes_blocks_for_recognition() -> None:
    blocks = pcm(SyntheticAudioTrack(pitch=500, amplitude=0.5))
    heard = np.concatenate([await anext(blocks) for _ in range(50)])
    await blocks.aclose()
    assert heard.dtype == np.int16
    assert len(heard) == 16_000
    assert int(np.abs(np.fft.rfft(heard)).argmax()) == 500


async def test_it_ends_with_the_track() -> None:
    track = GivenTrack("audio", [tone(440, 0.05)])
    blocks = [block async for block in pcm(track, rate=8_000, block=0.03)]
    assert [len(block) for block in blocks] == [240, 240]


async def test_what_is_no_sound_is_refused() -> None:
    with pytest.raises(TypeError, match="VideoFrame"):
        await anext(pcm(GivenTrack("video", [flat_picture(16, 16)])))
    for rate, block in ((0, 0.02), (16_000, 0.0), (16_000, 100.0)):
        with pytest.raises(ValueError, match="blocks of"):
            await anext(pcm(GivenTrack("audio", []), rate=rate, block=block))
