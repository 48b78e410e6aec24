"""H.265: single NAL units, aggregates and fragments of RFC 7798, and the sets a key frame needs."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from itertools import pairwise

import pytest

from peer.rtp.formats import FrameShape, format_of
from peer.rtp.formats.h264_bitstream import nal_units
from peer.rtp.formats.h265 import H265Format
from peer.rtp.formats.h265_bitstream import nal_type, parameter_set_key, picture_size
from peer.rtp.malformed import MalformedError
from tests.support.media.encoded import decoded, encode, encoded
from tests.support.media.moving import codec_named

START = b"\0\0\0\1"


def unit(kind: int, body: bytes = b"body", *, layer: int = 0, temporal_id: int = 1) -> bytes:
    """A NAL unit (RFC 7798 section 1.1.4): F, type, layer and temporal id, and what it holds."""
    return (kind << 9 | layer << 3 | temporal_id).to_bytes(2, "big") + body


#: 176 by 112, as libx265 writes them.
VPS, SPS, PPS = [u for u in nal_units(encoded("H265")[0].data) if nal_type(u[0]) in (32, 33, 34)]
DELIMITER, SEI, FILLER, END = unit(35), unit(39), unit(38), unit(36, b"")
IDR, CRA, SLICE, OTHER_SLICE = unit(19, b"i" * 50), unit(21), unit(1, b"p" * 50), unit(1, b"q" * 50)


def annex_b(*units: bytes) -> bytes:
    return b"".join(START + each for each in units)


def aggregate(*units: bytes, temporal_id: int = 1, layer: int = 0) -> bytes:
    pieces = [len(each).to_bytes(2, "big") + each for each in units]
    return unit(48, b"".join(pieces), temporal_id=temporal_id, layer=layer)


def fragments(whole: bytes, *cuts: int) -> list[bytes]:
    """Fragmentation units of a NAL unit, divided before these of its octets."""
    borders = [2, *cuts, len(whole)]
    made = []
    for start, end in pairwise(borders):
        flags = (0x80 if start == 2 else 0) | (0x40 if end == len(whole) else 0)
        head = bytes((whole[0] & 0x81 | 49 << 1, whole[1], flags | nal_type(whole[0])))
        made.append(head + whole[start:end])
    return made


def pack(frame: bytes, limit: int = 1200) -> list[bytes]:
    return H265Format().packetize(frame, keyframe=False, limit=limit)


def read(*payloads: bytes) -> bytes:
    return H265Format().assemble(payloads)


def test_h265_nal_unit_that_fits_is_sent_unchanged() -> None:
    assert pack(annex_b(SLICE)) == [SLICE]
    assert read(SLICE) == annex_b(SLICE)
    # The end of a sequence is nothing but its header.
    assert read(SLICE, END) == annex_b(SLICE, END)


def test_small_h265_nal_units_go_together() -> None:
    assert pack(annex_b(VPS, SPS, PPS, IDR)) == [aggregate(VPS, SPS, PPS, IDR)]
    assert read(aggregate(VPS, SPS, PPS, IDR)) == annex_b(VPS, SPS, PPS, IDR)


def test_aggregate_has_the_lowest_layer_and_temporal_id_and_the_f_of_any() -> None:
    high = unit(1, temporal_id=3, layer=5)
    higher = unit(1, temporal_id=2, layer=40)
    assert pack(annex_b(high, higher)) == [aggregate(high, higher, temporal_id=2, layer=5)]
    broken = bytes((0x80 | high[0], *high[1:]))
    assert pack(annex_b(high, broken))[0][0] == 0x80 | 48 << 1


def test_aggregate_has_as_many_nal_units_as_fit() -> None:
    together = aggregate(SLICE, OTHER_SLICE)
    frame = annex_b(SLICE, OTHER_SLICE, OTHER_SLICE)
    assert pack(frame, len(together)) == [together, OTHER_SLICE]
    assert pack(frame, len(together) - 1) == [SLICE, OTHER_SLICE, OTHER_SLICE]


def test_large_h265_nal_unit_goes_in_fragments() -> None:
    large = unit(9, bytes(range(1, 200)), temporal_id=2)
    payloads = pack(annex_b(VPS, large), 100)
    assert payloads == [VPS, *fragments(large, 69, 136)]
    # RFC 7798 section 4.4.3: the header with type 49, then S, E and the type of the unit.
    assert [payload[:3] for payload in payloads[1:]] == [
        b"\x62\2\x89",
        b"\x62\2\x09",
        b"\x62\2\x49",
    ]
    assert read(*payloads) == annex_b(VPS, large)


def test_h265_nal_unit_at_limit_is_not_fragmented() -> None:
    large = unit(1, b"x" * 98)
    assert pack(annex_b(large), 100) == [large]
    assert len(pack(annex_b(large), 99)) == 2


def test_h265_delimiters_and_filler_are_not_sent() -> None:
    assert pack(annex_b(DELIMITER, SLICE, FILLER)) == [SLICE]
    assert pack(annex_b(DELIMITER)) == []


@pytest.mark.parametrize(
    "frame", [SLICE, b"x" + annex_b(SLICE), annex_b(b"\x02"), annex_b(unit(48))]
)
def test_malformed_h265_access_unit_is_not_packetized(frame: bytes) -> None:
    with pytest.raises(MalformedError):
        pack(frame)


@pytest.mark.parametrize(
    "payloads",
    [
        fragments(IDR, 20, 40)[1:],
        fragments(IDR, 20, 40)[:-1],
        [*fragments(IDR, 20)[:1], SLICE],
        [*fragments(IDR, 20)[:1], *fragments(IDR, 20)],
        [fragments(IDR, 20)[0], fragments(SLICE, 20)[1]],
        [b"\x62\1"],
        [b"\x02"],
        [b""],
        [aggregate(SPS)[:-1]],
        [aggregate(SPS) + b"\0"],
        [aggregate(SPS) + b"\0\0"],
        [aggregate(aggregate(SPS))],
        [unit(50)],
        [unit(51)],
    ],
)
def test_payloads_without_h265_access_unit_are_refused(payloads: list[bytes]) -> None:
    with pytest.raises(MalformedError):
        read(*payloads)


def test_h265_types_without_meaning_are_ignored() -> None:
    assert read(SLICE, unit(60)) == annex_b(SLICE)


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        *((each, True) for each in (VPS, SPS, PPS, IDR, CRA, unit(16), unit(20))),
        *((each, False) for each in (DELIMITER, SEI, SLICE, unit(22), unit(9), b"", b"\x26", END)),
        (aggregate(SEI, SPS), True),
        (aggregate(SLICE, OTHER_SLICE), False),
        (aggregate(SLICE)[:3], False),
        (fragments(IDR, 9)[0], True),
        (fragments(IDR, 9)[1], False),
        (fragments(SLICE, 9)[0], False),
    ],
)
def test_h265_key_frame_start_of_payloads(payload: bytes, key: bool) -> None:
    assert H265Format().is_keyframe_start(payload) is key


def test_earlier_h265_parameter_sets_come_before_a_random_access_picture() -> None:
    fmt = H265Format()
    assert fmt.assemble([IDR]) == annex_b(IDR)
    assert not fmt.describe(annex_b(IDR)).keyframe
    fmt.assemble([PPS, SPS, VPS])
    assert fmt.assemble([SLICE]) == annex_b(SLICE)
    assert fmt.assemble(fragments(IDR, 20)) == annex_b(VPS, SPS, PPS, IDR)
    assert fmt.assemble([CRA]) == annex_b(VPS, SPS, PPS, CRA)
    assert fmt.assemble([aggregate(VPS, SPS, PPS, IDR)]) == annex_b(VPS, SPS, PPS, IDR)


def test_h265_stream_with_earlier_parameter_sets_can_be_entered_later() -> None:
    source = [frame.data for frame in encoded("H265")]
    fmt = H265Format()
    fmt.assemble(pack(source[0]))
    bare = [each for each in nal_units(source[5]) if nal_type(each[0]) < 32]
    frame = fmt.assemble(bare)
    assert fmt.describe(frame) == FrameShape(True, 176, 112)
    (entered, *_) = decoded("H265", [frame, *source[6:]])
    assert (entered == decoded("H265", source)[5]).all()


def test_h265_parameter_sets_of_the_description_come_before_a_random_access_picture() -> None:
    names = {"sprop-pps": PPS, "sprop-vps": VPS, "sprop-sps": SPS}
    pairs = tuple((name, b64encode(each).decode()) for name, each in names.items())
    fmt = format_of(replace(codec_named("H265"), parameters=pairs))
    assert fmt.assemble([IDR]) == annex_b(VPS, SPS, PPS, IDR)


def test_kept_h265_parameter_sets_are_limited() -> None:
    fmt = H265Format()
    # Exp-Golomb codes of 11 bits, for identifiers from 31 on.
    sets = [unit(34, (number << 5 | 1).to_bytes(2, "big")) for number in range(32, 62)]
    fmt.assemble([*sets, unit(34, b"\x80" + b"x" * 2000), unit(33, b"x"), unit(34, b"")])
    assert fmt.assemble([IDR]) == annex_b(*sets[-16:], IDR)


def test_h265_key_frame_has_a_random_access_picture_behind_its_sets() -> None:
    fmt = H265Format()
    shape = FrameShape(True, 176, 112)
    assert fmt.describe(annex_b(DELIMITER, VPS, SPS, PPS, SEI, IDR)) == shape
    assert fmt.describe(b"\0\0\1" + SPS + b"\0\0\1" + CRA) == shape
    assert fmt.describe(annex_b(VPS, SPS, PPS, SLICE)) == FrameShape(False)
    assert fmt.describe(annex_b(VPS, SPS, PPS)) == FrameShape(False)
    # Decoders may understand what we do not.
    assert fmt.describe(annex_b(SPS[:4], IDR)) == FrameShape(True)


def sps_of(width: int, height: int, pixels: str) -> bytes:
    options = {"preset": "ultrafast", "x265-params": "log-level=none:repeat-headers=1"}
    frame = encode("libx265", options, count=1, width=width, height=height, pixels=pixels)[0].data
    return next(each for each in nal_units(frame) if nal_type(each[0]) == 33)


@pytest.mark.parametrize(
    ("width", "height", "pixels"),
    [
        *((64, 64, each) for each in ("gray", "yuv420p", "yuv422p", "yuv444p", "yuv420p10le")),
        (178, 114, "yuv420p"),
        (178, 114, "yuv422p"),
        (642, 362, "yuv420p"),
    ],
)
def test_h265_sps_size_is_cropped(width: int, height: int, pixels: str) -> None:
    assert picture_size(sps_of(width, height, pixels)) == (width, height)


def bits(text: str) -> bytes:
    text = text.replace(" ", "")
    octets = -(-len(text) // 8)
    return unit(33, int(text.ljust(octets * 8, "0"), 2).to_bytes(octets, "big"))


PROFILE, LEVEL = "1" * 88, "01111000"


def test_h265_sps_sub_layers_are_skipped() -> None:
    # Two sub-layers below the highest: one says its profile, the other its level.
    layers = "10 01" + "00" * 6 + PROFILE + LEVEL
    # Id 3; 4:2:0; 64 by 32; cropped by 2 chroma samples left and 1 below.
    size = "00100 010 0000001000001 00000100001 1 011 1 1 010"
    sps = bits("0000 010 1" + PROFILE + LEVEL + layers + size)
    assert picture_size(sps) == (60, 30)
    assert parameter_set_key(sps) == (33, 3)


@pytest.mark.parametrize(
    "sps",
    [
        bits("0000 111 1" + PROFILE + LEVEL),
        bits("0000 000 1" + PROFILE),
        bits("0000 000 1" + PROFILE + LEVEL + "1 00101"),
        bits("0000 000 1" + PROFILE + LEVEL + "1 010 010 010 1 010 1 1 1"),
        b"\x42\x01",
        b"",
    ],
)
def test_h265_sps_that_cannot_be_is_refused(sps: bytes) -> None:
    with pytest.raises(MalformedError):
        picture_size(sps)
