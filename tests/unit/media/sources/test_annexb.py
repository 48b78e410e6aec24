from __future__ import annotations

import pytest

from media.sources.annexb import AnnexB

CODE = b"\x00\x00\x00\x01"
SPS, PPS, OTHER_SPS = b"\x67sps", b"\x68pps", b"\x67new"
IDR, SLICE, DELIMITER = b"\x65idr", b"\x41slice", b"\x09\xf0"


def record(size: int = 4) -> bytes:
    head = bytes([1, 66, 0, 30, 0xFC | size - 1])
    return head + b"\xe1\x00\x04" + SPS + b"\x01\x00\x04" + PPS


def unit(*units: bytes, size: int = 4) -> bytes:
    return b"".join(len(u).to_bytes(size, "big") + u for u in units)


def annexb(*units: bytes) -> bytes:
    return b"".join(CODE + u for u in units)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_lengths_become_start_codes(size: int) -> None:
    convert = AnnexB(record(size)).convert
    assert convert(unit(SLICE, SLICE, size=size)) == annexb(SLICE, SLICE)


def test_an_idr_gets_the_parameter_sets() -> None:
    convert = AnnexB(record()).convert
    assert convert(unit(DELIMITER, IDR)) == annexb(SPS, PPS, IDR)


def test_sets_in_the_stream_are_newer_than_those_of_the_container() -> None:
    convert = AnnexB(record()).convert
    assert convert(unit(OTHER_SPS, PPS, IDR)) == annexb(OTHER_SPS, PPS, IDR)
    assert convert(unit(IDR)) == annexb(OTHER_SPS, PPS, IDR)


def test_annex_b_stays_with_long_start_codes() -> None:
    convert = AnnexB(annexb(SPS, PPS)).convert
    assert convert(b"\x00\x00\x01" + IDR) == annexb(SPS, PPS, IDR)
    assert AnnexB(b"").convert(b"\x00\x00\x01" + SLICE) == annexb(SLICE)


@pytest.mark.parametrize("broken", [b"\x00\x00", b"\x00\x00\x00\x09abc", unit(SLICE) + b"\x00"])
def test_a_broken_unit_is_said(broken: bytes) -> None:
    with pytest.raises(ValueError, match="too early"):
        AnnexB(record()).convert(broken)


@pytest.mark.parametrize("end", [1, 6, 9, 12])
def test_a_broken_record_is_said(end: int) -> None:
    with pytest.raises(ValueError, match="too early"):
        AnnexB(record()[:end])


VPS5, SPS5, PPS5 = b"\x40\1v", b"\x42\1s", b"\x44\1p"
IDR5, CRA5, SLICE5 = b"\x26\1i", b"\x2a\1c", b"\x02\1p"


def hevc_record(size: int = 4) -> bytes:
    """An HEVCDecoderConfigurationRecord with one array for each type (ISO 14496-15 8.3.3.1.2)."""
    arrays = b"".join(
        bytes([each[0] >> 1, 0, 1]) + len(each).to_bytes(2, "big") + each
        # Among them a message, which is no parameter set.
        for each in (VPS5, SPS5, PPS5, b"\x4e\1sei")
    )
    return b"\x01" + bytes(20) + bytes([0xFC | size - 1, 4]) + arrays


@pytest.mark.parametrize("size", [1, 2, 4])
def test_h265_gets_its_parameter_sets_before_a_random_access_picture(size: int) -> None:
    convert = AnnexB(hevc_record(size), h265=True).convert
    assert convert(unit(SLICE5, size=size)) == annexb(SLICE5)
    for key in (IDR5, CRA5):
        assert convert(unit(b"\x46\1d", key, size=size)) == annexb(VPS5, SPS5, PPS5, key)


def test_h265_parameter_sets_in_the_stream_are_newer_than_those_of_the_container() -> None:
    convert = AnnexB(hevc_record(), h265=True).convert
    newer = b"\x42\1n"
    assert convert(unit(VPS5, newer, PPS5, IDR5)) == annexb(VPS5, newer, PPS5, IDR5)
    assert convert(unit(IDR5)) == annexb(VPS5, newer, PPS5, IDR5)


@pytest.mark.parametrize("length", [1, 21, 22, 24, 28, 30, len(hevc_record()) - 1])
def test_h265_record_that_ends_too_early_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="too early"):
        AnnexB(hevc_record()[:length], h265=True)
