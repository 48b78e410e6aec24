"""Slices of one H.264 picture told from those of the next by their headers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from peer.rtp.formats import Begins, format_of, nal_unit_format
from peer.rtp.formats.h264_bitstream import nal_units, parameter_set_key, reorder_depth
from peer.rtp.formats.h264_slices import SliceHeader, slice_header
from peer.rtp.malformed import MalformedError
from tests.support.media.encoded import encode
from tests.support.media.nal_senders import H264, H265

if TYPE_CHECKING:
    from collections.abc import Callable

FRAME = SliceHeader(
    picture=0,
    frame_num=3,
    is_reference=True,
    idr_id=None,
    field=False,
    bottom=False,
    order_count=(6, 0),
)


def known(units: list[bytes]) -> Callable[[tuple[int, int]], bytes | None]:
    sets = {key: unit for unit in units if (key := parameter_set_key(unit)) is not None}
    return sets.get


@pytest.mark.parametrize(
    "change",
    [
        {"picture": 1},
        {"frame_num": 4},
        {"is_reference": False},
        {"idr_id": 0},
        {"order_count": (8, 0)},
        {"order_count": (6, 1)},
        {"field": True},
    ],
)
def test_slices_are_of_two_pictures_where_one_of_these_fields_differs(
    change: dict[str, object],
) -> None:
    assert FRAME.same_picture(FRAME)
    assert not FRAME.same_picture(replace(FRAME, **change))  # type: ignore[arg-type]  # by name


def test_both_fields_of_a_frame_are_one_picture_and_of_two_frames_are_not() -> None:
    top = replace(FRAME, field=True)
    bottom = replace(top, bottom=True, order_count=(7, 0))
    assert top.same_picture(bottom)
    assert not bottom.same_picture(replace(top, frame_num=4))
    assert not bottom.same_picture(replace(top, idr_id=1))


@pytest.mark.parametrize(
    "settings",
    [
        "bframes=0",
        "bframes=3",
        "bframes=2:interlaced=1",
        "bframes=0:cabac=0",
        "bframes=3:b-pyramid=2",
    ],
)
def test_headers_of_a_real_encoder_are_alike_within_a_picture_only(settings: str) -> None:
    options = {"preset": "medium", "x264-params": f"slices=3:threads=1:repeat-headers=1:{settings}"}
    pictures = encode("libx264", options, width=320, height=240, count=12)
    units = [nal_units(picture.data) for picture in pictures]
    find = known([unit for picture in units for unit in picture])
    headers = [
        [slice_header(unit, find) for unit in picture if unit[0] & 0x1F in (1, 5)]
        for picture in units
    ]

    assert all(len(picture) == 3 for picture in headers)
    for picture in headers:
        assert picture[0].same_picture(picture[1])
        assert picture[0].same_picture(picture[2])
    for before, after in pairwise(headers):
        assert not before[0].same_picture(after[0])
        assert not before[0].same_picture(after[1])


def test_slice_of_unknown_parameter_sets_is_refused() -> None:
    with pytest.raises(MalformedError, match="unknown picture parameter set"):
        slice_header(b"\x41\x9a\x00", lambda key: None)
    with pytest.raises(MalformedError, match="unknown sequence parameter set"):
        slice_header(b"\x41\x9a\x00", lambda key: b"\x68\xce" if key[0] == 8 else None)


@pytest.mark.parametrize(
    ("options", "depth"),
    [
        ({"profile": "baseline"}, 0),
        ({"tune": "zerolatency", "profile": "high"}, 0),
        ({"profile": "main", "x264-params": "bframes=1"}, 1),
        ({"x264-params": "bframes=3:b-pyramid=2:b-adapt=0"}, 2),
        (
            {
                "x264-params": "bframes=3:b-pyramid=0:b-adapt=0:nal-hrd=vbr"
                ":vbv-maxrate=900:vbv-bufsize=900"
            },
            1,
        ),
        ({"x264-params": "bframes=3:b-pyramid=2:b-adapt=0:sar=7/5:colorprim=bt709"}, 2),
    ],
)
def test_depth_of_reordering_is_read_from_the_parameter_set(
    options: dict[str, str], depth: int
) -> None:
    (picture, *_) = encode("libx264", {"preset": "medium", **options}, count=8)
    (sps,) = (unit for unit in nal_units(picture.data) if unit[0] & 0x1F == 7)
    assert reorder_depth(sps) == depth


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"\x67\x42", Begins.HEAD),
        (b"\x68\xce", Begins.HEAD),
        (b"\x06\x05", Begins.HEAD),
        (b"\x09\xf0", Begins.HEAD),
        (b"\x0f\x42", Begins.HEAD),
        (b"\x65\x88", Begins.PICTURE),
        (b"\x41\x9a", Begins.PICTURE),
        (b"\x41\x40", Begins.SLICE),
        (b"\x0b", Begins.TRAILER),
        (b"\x0a", Begins.TRAILER),
        (b"\x0c\xff\x80", Begins.TRAILER),
        (b"\x14\x40", Begins.TRAILER),
        (b"\x7c\x85\x88", Begins.PICTURE),
        (b"\x7c\x81\x40", Begins.SLICE),
        (b"\x7c\x05\x88", Begins.NOTHING),
        (b"\x7c\x45\x88", Begins.NOTHING),
        (b"\x78\x00\x02\x67\x42\x00\x02\x68\xce", Begins.HEAD),
        (b"\x78\x00\x02\x67\x42\x00\x02\x65\x88", Begins.PICTURE),
        (b"\x78\x00\x02\x41\x40\x00\x02\x41\x20", Begins.SLICE),
        # What nobody can read counts as a picture, which is then refused.
        (b"\x41", Begins.PICTURE),
        (b"\x7c", Begins.PICTURE),
        (b"\x7c\x85", Begins.PICTURE),
        (b"\x78\x00\x09\x67", Begins.PICTURE),
        (b"\x79\x00\x00", Begins.PICTURE),
    ],
)
def test_payload_of_h264_says_what_begins_in_it(payload: bytes, begins: Begins) -> None:
    payload_format = nal_unit_format(format_of(H264))
    assert payload_format is not None
    assert payload_format.begins(payload) is begins


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"\x40\x01\x0c", Begins.HEAD),
        (b"\x42\x01\x01", Begins.HEAD),
        (b"\x44\x01\xc0", Begins.HEAD),
        (b"\x46\x01\x50", Begins.HEAD),
        (b"\x4e\x01\x05", Begins.HEAD),
        (b"\x50\x01\x05", Begins.TRAILER),
        (b"\x48\x01", Begins.TRAILER),
        (b"\x26\x01\xaf", Begins.PICTURE),
        (b"\x26\x01\x2f", Begins.SLICE),
        # Of a layer above the base.
        (b"\x26\x09\xaf", Begins.TRAILER),
        (b"\x62\x01\x93\xaf", Begins.PICTURE),
        (b"\x62\x01\x93\x2f", Begins.SLICE),
        (b"\x62\x01\x13\x2f", Begins.NOTHING),
        (b"\x60\x01\x00\x03\x40\x01\x0c\x00\x03\x42\x01\x01", Begins.HEAD),
        (b"\x60\x01\x00\x03\x40\x01\x0c\x00\x03\x26\x01\xaf", Begins.PICTURE),
        (b"\x60\x01\x00\x03\x26\x01\x2f\x00\x03\x26\x01\x1f", Begins.SLICE),
        (b"\x26", Begins.PICTURE),
        (b"\x62\x01\x93", Begins.PICTURE),
        (b"\x64\x01\x00", Begins.PICTURE),
    ],
)
def test_payload_of_h265_says_what_begins_in_it(payload: bytes, begins: Begins) -> None:
    payload_format = nal_unit_format(format_of(H265))
    assert payload_format is not None
    assert payload_format.begins(payload) is begins
