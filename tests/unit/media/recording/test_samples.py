"""Access units in the form that MP4 and Matroska have."""

from __future__ import annotations

import pytest

from media.recording.containers import Container
from media.recording.parameters import StreamSpec
from media.recording.samples import Hvc1Samples, sample_converter, with_lengths
from tests.support.media.moving import codec_named

START = b"\0\0\0\1"
VPS, SPS, PPS, OTHER_PPS = b"\x40\1v", b"\x42\1s", b"\x44\1p", b"\x44\1q"
IDR, SLICE = b"\x26\1i", b"\x02\1p"


def annex_b(*units: bytes) -> bytes:
    return b"".join(START + unit for unit in units)


def lengths(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


@pytest.mark.parametrize(
    ("frame", "file"),
    [
        ("00000001 67aa 00000001 68bb 00000001 65cc", "00000002 67aa 00000002 68bb 00000002 65cc"),
        # Start codes of three octets, and zeros behind a unit.
        ("000001 67aa 000001 65cc 0000", "00000002 67aa 00000002 65cc"),
        # What keeps start codes out stays in.
        ("00000001 65 000003 0102", "00000006 65 000003 0102"),
        ("", ""),
    ],
)
def test_h264_start_codes_become_lengths(frame: str, file: str) -> None:
    assert with_lengths(bytes.fromhex(frame)).hex() == file.replace(" ", "")


def test_hvc1_samples_leave_out_what_the_header_has() -> None:
    convert = Hvc1Samples(annex_b(VPS, SPS, PPS, IDR)).convert
    assert convert(annex_b(VPS, SPS, PPS, IDR)) == lengths(IDR)
    assert convert(annex_b(SLICE)) == lengths(SLICE)
    assert convert(annex_b(PPS, SLICE)) == lengths(SLICE)


def test_hvc1_samples_keep_all_parameter_sets_once_one_has_changed() -> None:
    convert = Hvc1Samples(annex_b(VPS, SPS, PPS, IDR)).convert
    assert convert(annex_b(OTHER_PPS, SLICE)) == lengths(OTHER_PPS, SLICE)
    # It is back, and the decoder has to hear of it.
    assert convert(annex_b(VPS, SPS, PPS, IDR)) == lengths(VPS, SPS, PPS, IDR)


@pytest.mark.parametrize(
    ("container", "name", "kept"),
    [
        (Container.MP4, "H265", lengths(IDR)),
        (Container.HLS, "H265", lengths(IDR)),
        (Container.MATROSKA, "H265", lengths(VPS, SPS, PPS, IDR)),
        (Container.MP4, "H264", lengths(VPS, SPS, PPS, IDR)),
        (Container.MP4, "VP9", annex_b(VPS, SPS, PPS, IDR)),
        (Container.WEBM, "VP9", annex_b(VPS, SPS, PPS, IDR)),
    ],
)
def test_sample_of_each_container_has_its_form(
    container: Container, name: str, kept: bytes
) -> None:
    frame = annex_b(VPS, SPS, PPS, IDR)
    convert = sample_converter(container, StreamSpec(codec_named(name), frame))
    assert convert(frame) == kept
