from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from media import OverlayTrack, lettering
from media.overlay import draw
from media.planes import planes
from tests.support.media.frames import GivenTrack, flat_picture, tone


def _clock() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


async def test_writes_the_time_and_the_frame_number() -> None:
    overlay = OverlayTrack(GivenTrack("video", [flat_picture(320, 240)]), clock=_clock)

    written = planes(await overlay.recv()).y == 235

    ink = lettering.mask("03:04:05.678 FRAME 000001")
    rows, columns = np.nonzero(written)
    box = written[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    inked = np.nonzero(ink)
    assert (
        box == ink[inked[0].min() : inked[0].max() + 1, inked[1].min() : inked[1].max() + 1]
    ).all()


async def test_counts_the_frames() -> None:
    overlay = OverlayTrack(GivenTrack("video", [flat_picture(320, 240)] * 3), clock=_clock)

    pictures = [planes(await overlay.recv()).y.tobytes() for _ in range(3)]

    assert overlay.frames == 3
    assert len(set(pictures)) == 3


async def test_knows_the_size_of_the_last_frame() -> None:
    overlay = OverlayTrack(GivenTrack("video", [flat_picture(320, 240)]), clock=_clock)
    before = overlay.size

    await overlay.recv()

    assert (before, overlay.size) == (None, (320, 240))


async def test_keeps_the_time_stamp_of_the_source() -> None:
    source = flat_picture(320, 240, pts=4_500)

    frame = await OverlayTrack(GivenTrack("video", [source]), clock=_clock).recv()

    assert (frame.pts, frame.time_base) == (source.pts, source.time_base)


async def test_leaves_the_picture_outside_the_label_alone() -> None:
    source = flat_picture(320, 240)

    frame = await OverlayTrack(GivenTrack("video", [source]), clock=_clock).recv()

    for drawn, given in zip(planes(frame), planes(source), strict=True):
        above = drawn.shape[0] * 3 // 4
        assert (drawn[:above] == given[:above]).all()


async def test_never_draws_on_the_frame_that_the_decoder_gave() -> None:
    source = flat_picture(320, 240)

    await OverlayTrack(GivenTrack("video", [source]), clock=_clock).recv()

    assert (planes(source).y == 180).all()


async def test_accepts_other_pixel_formats() -> None:
    source = flat_picture(320, 240).reformat(format="rgb24")

    frame = await OverlayTrack(GivenTrack("video", [source]), clock=_clock).recv()

    assert frame.format.name == "yuv420p"


@pytest.mark.parametrize(("width", "height"), [(2, 2), (17, 9), (175, 143), (640, 5)])
def test_a_picture_too_small_for_the_label_is_drawn_as_far_as_it_goes(
    width: int, height: int
) -> None:
    frame = flat_picture(width, height)

    draw(frame, "00:00:00.000 FRAME 000001")

    assert planes(frame).y.shape == (height, width)


async def test_ends_when_its_source_ends() -> None:
    overlay = OverlayTrack(GivenTrack("video", []), clock=_clock)

    with pytest.raises(MediaStreamError):
        await overlay.recv()

    assert overlay.readyState == "ended"


async def test_stopping_it_leaves_the_source_live() -> None:
    source = GivenTrack("video", [flat_picture(320, 240)])
    overlay = OverlayTrack(source, clock=_clock)

    overlay.stop()

    with pytest.raises(MediaStreamError):
        await overlay.recv()
    assert source.readyState == "live"


async def test_sound_is_refused_by_name() -> None:
    overlay = OverlayTrack(GivenTrack("audio", [tone(440, 0.02)]), clock=_clock)

    with pytest.raises(TypeError, match="AudioFrame"):
        await overlay.recv()
