"""H.264: single NAL units, STAP-A and FU-A of RFC 6184, and the sets a key frame needs."""

from __future__ import annotations

from base64 import b64encode
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from aiortc.codecs.h264 import h264_depayload

from peer.rtp.formats import FrameShape, format_of
from peer.rtp.formats.h264 import H264Format
from peer.rtp.malformed import MalformedError
from peer.rtp_parameters import Codec, MediaKind
from tests.support.media.encoded import decoded, encoded

if TYPE_CHECKING:
    from peer.rtp.formats import PayloadFormat

START = b"\0\0\0\1"
# Of 176 by 112, constrained baseline.
SPS = bytes.fromhex("6742c01eda0b3e840000030004000003000f23c58b65")
PPS = bytes.fromhex("68ce0f2c80")
DELIMITER, SEI, FILLER = b"\x09\xf0", b"\x06\x05\x01\x00\x80", b"\x0c\xff\xff\x80"
# first_mb_in_slice is 0 where the first bit after the header is set.
IDR, LATER_IDR = b"\x65\x88" + b"i" * 50, b"\x65\x40" + b"j" * 50
SLICE, LATER_SLICE = b"\x41\x9a" + b"p" * 50, b"\x41\x40" + b"q" * 50


def annex_b(*units: bytes) -> bytes:
    return b"".join(START + unit for unit in units)


def stap(*units: bytes) -> bytes:
    head = bytes((max(unit[0] & 0x60 for unit in units) | 24,))
    return head + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def fragments(unit: bytes, *cuts: int) -> list[bytes]:
    """FU-A of a unit, divided before these of its octets."""
    borders = [1, *cuts, len(unit)]
    made = []
    for start, end in pairwise(borders):
        flags = (0x80 if start == 1 else 0) | (0x40 if end == len(unit) else 0)
        made.append(bytes((unit[0] & 0xE0 | 28, flags | unit[0] & 0x1F)) + unit[start:end])
    return made


def pack(frame: bytes, limit: int = 1200, *, mode: int = 1) -> list[bytes]:
    return H264Format(fragments=mode == 1).packetize(frame, keyframe=False, limit=limit)


def read(*payloads: bytes) -> bytes:
    return H264Format(fragments=True).assemble(payloads)


def test_single_nal_unit_that_fits_is_sent_unchanged() -> None:
    assert pack(annex_b(SLICE)) == [SLICE]
    assert read(SLICE) == annex_b(SLICE)


def test_small_nal_units_go_in_stap_a() -> None:
    # RFC 6184 section 5.7: NRI is the highest of all, and F is set where any has it.
    assert pack(annex_b(SPS, PPS, SEI, IDR)) == [stap(SPS, PPS, SEI, IDR)]
    assert pack(annex_b(SEI, b"\x01\x9a")) == [b"\x18\0\5" + SEI + b"\0\2\x01\x9a"]
    assert pack(annex_b(SEI, b"\xa1\x9a"))[0][0] == 0x80 | 0x20 | 24
    assert read(stap(SPS, PPS, IDR)) == annex_b(SPS, PPS, IDR)


def test_stap_a_has_as_many_nal_units_as_fit() -> None:
    together = stap(SLICE, LATER_SLICE)
    frame = annex_b(SLICE, LATER_SLICE, LATER_SLICE)
    assert pack(frame, len(together)) == [together, LATER_SLICE]
    assert pack(frame, len(together) - 1) == [SLICE, LATER_SLICE, LATER_SLICE]


def test_large_nal_unit_goes_in_fu_a() -> None:
    unit = b"\x65\x88" + bytes(range(1, 200))
    payloads = pack(annex_b(SPS, PPS, unit), 100)

    assert payloads == [stap(SPS, PPS), *fragments(unit, 68, 135)]
    # RFC 6184 section 5.8: F and NRI of the unit, S, E, and its type.
    assert [payload[:2] for payload in payloads[1:]] == [b"\x7c\x85", b"\x7c\x05", b"\x7c\x45"]
    assert read(*payloads) == annex_b(SPS, PPS, unit)


def test_nal_unit_at_limit_is_not_fragmented() -> None:
    unit = b"\x41\x9a" + b"x" * 98
    assert pack(annex_b(unit), 100) == [unit]
    assert len(pack(annex_b(unit), 99)) == 2


def test_packetization_mode_0_sends_single_nal_units_only() -> None:
    assert pack(annex_b(SPS, PPS, IDR), mode=0) == [SPS, PPS, IDR]
    with pytest.raises(MalformedError):
        pack(annex_b(SPS, PPS, IDR), len(IDR) - 1, mode=0)


@pytest.mark.parametrize(("value", "count"), [("1", 1), ("0", 3), (None, 3), ("2", 3)])
def test_packetization_mode_is_of_fmtp_parameter(value: str | None, count: int) -> None:
    parameters = () if value is None else (("packetization-mode", value),)
    codec = Codec(
        kind=MediaKind.VIDEO,
        name="H264",
        payload_type=96,
        clock_rate=90_000,
        parameters=parameters,
    )
    frame = annex_b(SPS, PPS, IDR)
    assert len(format_of(codec).packetize(frame, keyframe=True, limit=1200)) == count


def test_access_unit_may_have_start_codes_of_both_lengths() -> None:
    assert pack(b"\0\0\1" + SPS + b"\0\0\0\1" + PPS + b"\0\0\0\0\0\1" + IDR + b"\0\0") == [
        stap(SPS, PPS, IDR)
    ]


def test_h264_delimiters_and_filler_are_not_sent() -> None:
    assert pack(annex_b(DELIMITER, SLICE, FILLER)) == [SLICE]
    assert pack(annex_b(DELIMITER)) == []


@pytest.mark.parametrize("frame", [SLICE, b"x" + annex_b(SLICE), b"\0\0", annex_b(b"\x78abc")])
def test_malformed_access_unit_is_not_packetized(frame: bytes) -> None:
    with pytest.raises(MalformedError):
        pack(frame)


@pytest.mark.parametrize(
    "payloads",
    [
        fragments(IDR, 20, 40)[1:],
        fragments(IDR, 20, 40)[:-1],
        fragments(IDR, 20, 40)[:1],
        [*fragments(IDR, 20)[:1], SLICE],
        [*fragments(IDR, 20)[:1], SLICE, *fragments(IDR, 20)[1:]],
        [*fragments(IDR, 20)[:1], *fragments(IDR, 20)],
        [fragments(IDR, 20)[0], fragments(SLICE, 20)[1]],
        [b"\x7c"],
        [stap(SPS)[:-1]],
        [stap(SPS) + b"\0"],
        [stap(SPS) + b"\0\0"],
        [stap(stap(SPS))],
        # STAP-B, MTAP16, MTAP24, FU-B: of the interleaved mode.
        [b"\x79" + SLICE],
        [b"\x7a" + SLICE],
        [b"\x7b" + SLICE],
        [b"\x7d" + SLICE],
        [b"\x7e" + SLICE],
        [b""],
    ],
)
def test_payloads_without_access_unit_are_refused(payloads: list[bytes]) -> None:
    with pytest.raises(MalformedError):
        read(*payloads)


@pytest.mark.parametrize("first", [0x60, 0x7E, 0x7F])
def test_reserved_h264_types_are_ignored(first: int) -> None:
    assert read(SLICE, bytes((first,)) + b"anything") == annex_b(SLICE)


def test_fu_a_may_be_first_and_last() -> None:
    assert read(*fragments(IDR), SLICE) == annex_b(IDR, SLICE)


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        (SPS, True),
        (stap(SPS, PPS), True),
        (stap(SEI, SPS, PPS), True),
        (DELIMITER, False),
        (stap(DELIMITER, SPS), True),
        (stap(DELIMITER, SLICE), False),
        (PPS, False),
        (SEI, False),
        (SLICE, False),
        (LATER_SLICE, False),
        (stap(SLICE, LATER_SLICE), False),
        # Its parameter sets may have come before it.
        (IDR, True),
        (LATER_IDR, True),
        (fragments(SLICE, 9)[0], False),
        (fragments(SLICE, 9)[1], False),
        (fragments(IDR, 9)[0], True),
        (fragments(IDR, 9)[1], False),
        (fragments(LATER_SLICE, 9)[0], False),
        (stap(SLICE)[:2], False),
        (b"\x78\0\x09\x67", True),
        (b"\x41", False),
        (b"\x7c", False),
    ],
)
def test_h264_key_frame_start_of_payloads(payload: bytes, key: bool) -> None:
    fmt = H264Format(fragments=True)
    assert fmt.is_keyframe_start(payload) is key


def test_earlier_parameter_sets_come_before_idr_picture() -> None:
    fmt = H264Format(fragments=True)
    assert fmt.assemble([IDR]) == annex_b(IDR)
    assert not fmt.describe(annex_b(IDR)).keyframe
    assert fmt.assemble([PPS, SPS]) == annex_b(PPS, SPS)

    assert fmt.assemble([SLICE]) == annex_b(SLICE)
    assert fmt.assemble(fragments(IDR, 20)) == annex_b(SPS, PPS, IDR)
    assert fmt.assemble([stap(SPS, PPS, IDR)]) == annex_b(SPS, PPS, IDR)
    # Half of them is not enough.
    assert fmt.assemble([SPS, IDR]) == annex_b(SPS, PPS, SPS, IDR)


def test_stream_with_earlier_parameter_sets_can_be_entered_later() -> None:
    source = [frame.data for frame in encoded("H264")]
    sets_of_second = pack(source[5], 100_000)
    fmt = H264Format(fragments=True)
    fmt.assemble(pack(source[0]))
    # The second key frame without what it brought.
    bare = [payload for payload in sets_of_second if payload[0] & 0x1F == 5] or [
        unit for unit in source[5].split(b"\0\0\1") if unit and unit[0] & 0x1F == 5
    ]
    frame = fmt.assemble(bare)

    assert fmt.describe(frame) == FrameShape(True, 176, 112)
    (entered, *_) = decoded("H264", [frame, *source[6:]])
    assert (entered == decoded("H264", source)[5]).all()


def test_kept_parameter_sets_are_limited() -> None:
    fmt = H264Format(fragments=True)
    # Exp-Golomb codes of 11 bits, for identifiers from 31 on.
    sets = [b"\x68" + (number << 5 | 1).to_bytes(2, "big") for number in range(32, 62)]
    fmt.assemble([*sets, b"\x68\x80" + b"x" * 2000, b"\x68"])
    assert fmt.assemble([IDR]) == annex_b(*sets[-16:], IDR)
    # One that came again is not the oldest.
    fmt.assemble([sets[14], sets[0]])
    assert fmt.assemble([IDR]) == annex_b(sets[0], sets[14], *sets[16:], IDR)


def test_h264_key_frame_has_idr_picture_and_parameter_sets() -> None:
    fmt = H264Format(fragments=True)
    shape = FrameShape(True, 176, 112)
    assert fmt.describe(annex_b(DELIMITER, SPS, PPS, SEI, IDR)) == shape
    assert fmt.describe(b"\0\0\1" + SPS + b"\0\0\1" + IDR) == shape
    assert fmt.describe(annex_b(SPS, PPS, SLICE)) == FrameShape(False)
    assert fmt.describe(annex_b(SPS, PPS)) == FrameShape(False)
    assert fmt.describe(annex_b(IDR, SPS)) == FrameShape(False)
    # Decoders may understand what we do not.
    assert fmt.describe(annex_b(SPS[:4], IDR)) == FrameShape(True)


@pytest.mark.parametrize("frame", [b"", START, START[:3], SLICE])
def test_malformed_access_unit_is_no_key_frame(frame: bytes) -> None:
    assert H264Format(fragments=True).describe(frame) == FrameShape(False)


def test_aiortc_reads_our_h264_payloads() -> None:
    for frame in encoded("H264")[:2]:
        back = b"".join(h264_depayload(payload) for payload in pack(frame.data))
        assert back == annex_b(*(unit for unit in units_of(frame.data)))


def units_of(frame: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in frame.split(b"\0\0\1")[1:]]


def described(value: str) -> PayloadFormat:
    """The format of a codec whose description has these parameter sets."""
    pairs = (("packetization-mode", "1"), ("sprop-parameter-sets", value))
    codec = Codec(
        kind=MediaKind.VIDEO,
        name="H264",
        payload_type=96,
        clock_rate=90_000,
        parameters=pairs,
    )
    return format_of(codec)


def test_h264_parameter_sets_of_the_description_come_before_an_idr_picture() -> None:
    fmt = described(",".join(b64encode(unit).decode() for unit in (SPS, PPS)))
    assert fmt.is_keyframe_start(IDR)
    frame = fmt.assemble([IDR])
    assert frame == annex_b(SPS, PPS, IDR)
    assert fmt.describe(frame) == FrameShape(True, 176, 112)
    # Those that come with the packets are newer.
    newer = SPS + b"\1"
    fmt.assemble([newer])
    assert fmt.assemble([IDR]) == annex_b(newer, PPS, IDR)


@pytest.mark.parametrize(
    "value", ["", ",", "%%%", "QQ", "\u00e9", "AAAA" * 1000, ",".join(["aM4PLIA="] * 9999)]
)
def test_description_without_h264_parameter_sets_adds_none_but_its_own(value: str) -> None:
    assert described(value).assemble([IDR]) in (annex_b(IDR), annex_b(PPS, IDR))
