"""H.264 parameter sets of any profile and encoder."""

from __future__ import annotations

import re

import pytest

from peer.rtp.formats.h264_bitstream import nal_units, picture_size
from peer.rtp.malformed import MalformedError
from tests.support.media.encoded import encode

QUICK = {"preset": "ultrafast", "tune": "zerolatency"}


def sps_of(**shape: object) -> bytes:
    options = {**QUICK, **shape.pop("options", {})}  # type: ignore[dict-item] # a dictionary
    frame = encode("libx264", options, count=1, **shape)[0].data  # type: ignore[arg-type] # as given
    return next(unit for unit in nal_units(frame) if unit[0] & 0x1F == 7)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (178, 114), (1920, 1080), (642, 362)])
def test_sps_size_is_cropped(width: int, height: int) -> None:
    assert picture_size(sps_of(width=width, height=height)) == (width, height)


@pytest.mark.parametrize("pixels", ["gray", "yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
def test_sps_of_profiles_with_other_chroma_formats(pixels: str) -> None:
    assert picture_size(sps_of(width=182, height=106, pixels=pixels)) == (182, 106)


def test_rows_of_fields_count_twice_in_sps() -> None:
    sps = sps_of(width=1920, height=1080, options={"x264-params": "tff=1:interlaced=1"})
    assert picture_size(sps) == (1920, 1080)


def bits(text: str) -> bytes:
    text = text.replace(" ", "")
    return b"\x67" + int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(
        -(-len(text) // 8), "big"
    )


BASELINE = "01000010 11000000 00011110 1 1"
SIZE = "1 0 00100 011 1 1 0"


@pytest.mark.parametrize(
    ("order_count", "size"),
    [
        ("1 1", (64, 48)),
        # pic_order_cnt_type 1, with a cycle of two; and 2, that says nothing more.
        ("010 1 010 011 011 00100 1", (64, 48)),
        ("011", (64, 48)),
    ],
)
def test_sps_order_counts_of_every_type_are_skipped(
    order_count: str, size: tuple[int, int]
) -> None:
    assert picture_size(bits(BASELINE + order_count + SIZE)) == size


@pytest.mark.parametrize(
    "text",
    [
        # pic_order_cnt_type 3; a cycle of 256; a crop of everything; an unknown chroma format.
        BASELINE + "00100 1" + SIZE,
        BASELINE + "010 1 1 1 00000000100000001" + "1" * 300 + SIZE,
        BASELINE + "1 1 1 0 00100 011 1 1 1 000010001 000010001 1 1",
        "01100100 00000000 00011110 1 00101" + "1" * 80,
    ],
)
def test_impossible_sps_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        picture_size(bits(text))


# Profile 100, in 4:2:0 and 4:4:4: lists that are not there, one that ends at once with -8, and
# one of 16 and one of 64 entries.
@pytest.mark.parametrize(
    ("chroma", "lists"),
    [
        ("010", "1" + "000010001" + "1" + "1" * 16 + "0000" + "1" + "1" * 64 + "0"),
        ("00100 0", "1" + "000010001" + "1" + "1" * 16 + "0000" + "1" + "1" * 64 + "00000"),
    ],
)
def test_sps_scaling_lists_are_skipped(chroma: str, lists: str) -> None:
    sps = bits("01100100 00000000 00011110 1" + chroma + "1 1 0 1" + lists + "1 1 1" + SIZE)
    assert picture_size(sps) == (64, 48)


def test_emulation_prevention_bytes_are_skipped() -> None:
    far = "0" * 24 + "1" + "0" * 24
    sps = bits(BASELINE + "010 1" + far + "1 1" + SIZE)
    escaped = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", sps)
    assert escaped != sps
    assert picture_size(escaped) == (64, 48)


def test_truncated_sps_is_refused() -> None:
    sps = bits(BASELINE + "1 1" + SIZE)
    for length in range(len(sps) - 1):
        with pytest.raises(MalformedError):
            picture_size(sps[:length])


def test_nal_units_have_start_codes_of_either_length() -> None:
    assert nal_units(b"\0\0\0\1abc\0\0\1de\0\0\0\0\1f\0\0\0\1") == [b"abc", b"de", b"f"]
