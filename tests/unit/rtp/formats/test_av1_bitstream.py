"""AV1 OBUs, leb128 numbers and sequence headers of any encoder."""

from __future__ import annotations

import re

import pytest

from peer.rtp.formats import FrameShape
from peer.rtp.formats.av1_bitstream import describe, read_leb128, read_obus, write_leb128
from peer.rtp.malformed import MalformedError
from tests.support.media.encoded import encode, encoded


@pytest.mark.parametrize(("width", "height"), [(64, 64), (178, 114), (642, 362)])
def test_av1_size_of_real_key_frames(width: int, height: int) -> None:
    frame = encode("libsvtav1", {"preset": "12"}, width=width, height=height, count=1)[0]
    assert describe(frame.data) == FrameShape(True, width, height)


# AV1 section 4.10.5.
@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (200, "c801"),
        (16383, "ff7f"),
        (16384, "808001"),
        ((1 << 32) - 1, "ffffffff0f"),
    ],
)
def test_leb128_has_seven_bits_in_each_byte(value: int, octets: str) -> None:
    data = bytes.fromhex(octets)
    assert write_leb128(value) == data
    assert read_leb128(b"x" + data + b"x", 1) == (value, 1 + len(data))


def test_leb128_may_be_padded_to_eight_bytes() -> None:
    assert read_leb128(b"\x81" + b"\x80" * 6 + b"\x00", 0) == (1, 8)
    for data in (b"", b"\x80", b"\x80" * 8 + b"\x00"):
        with pytest.raises(MalformedError):
            read_leb128(data, 0)


def test_obus_are_read_and_written_unchanged() -> None:
    data = encoded("AV1")[0].data
    obus = read_obus(data)
    assert [obu.kind for obu in obus] == [2, 1, 6]
    assert b"".join(obu.with_size() for obu in obus) == data
    assert all(
        read_obus(obu.without_size()) == [obu._replace(header=obu.header & ~2)] for obu in obus
    )


def unit(sequence: str, frame: str) -> bytes:
    """A temporal unit of a sequence header and a frame header, of `n:value` in bits."""

    def octets(text: str) -> bytes:
        text = re.sub(r"(\d+):(\d+)", lambda m: f"{int(m[2]):0{m[1]}b}", text).replace(" ", "")
        return int(text.ljust(40 * 8, "0"), 2).to_bytes(40, "big")

    return b"\x0a\x28" + octets(sequence) + b"\x1a\x28" + octets(frame)


KEY, SIZE = "0 00 1", " 4:9 4:8 10:639 9:359"


# Section 5.5.1, field by field.
@pytest.mark.parametrize(
    "sequence",
    [
        # No timing, no delays, one operating point of level 4, then 5 and 31 with a tier.
        "3:0 0 0 0 0 5:0 12:0 5:4",
        "3:0 0 0 0 0 5:2 12:0 5:4 12:1 5:8 1 12:2 5:31 0",
        # Timing, without and with ticks for each picture, without a decoder model.
        "3:0 0 0 1 32:1 32:30 0 0 0 5:0 12:0 5:4",
        "3:0 0 0 1 32:1 32:30 1 00101 0 0 5:0 12:0 5:4",
        # A decoder model with delays of 10 bits, for one operating point of two.
        "3:0 0 0 1 32:1 32:30 0 1 5:9 32:1 5:3 5:3 0 5:1 12:0 5:4 1 10:1 10:1 0 12:0 5:4 0",
        # Display delays, for one operating point of two.
        "3:0 0 0 0 1 5:1 12:0 5:4 1 4:3 12:0 5:4 0",
        "3:0 0 0 1 32:1 32:30 0 1 5:9 32:1 5:3 5:3 1 5:0 12:0 5:9 1 1 10:1 10:1 0 1 4:3",
    ],
)
def test_av1_size_in_sequence_headers_of_every_kind(sequence: str) -> None:
    assert describe(unit(sequence + SIZE, KEY)) == FrameShape(True, 640, 360)


def test_av1_still_picture_has_reduced_header() -> None:
    # Its frame header says nothing of being shown.
    assert describe(unit("3:0 1 1 5:4" + SIZE, "1111")) == FrameShape(True, 640, 360)


def test_truncated_av1_sequence_header_makes_no_key_frame() -> None:
    assert describe(b"\x0a\x03\x00\x00\x00\x1a\x01\x10") == FrameShape(False)
