"""VP9 superframes and frame headers of any encoder."""

from __future__ import annotations

import re

import pytest

from peer.rtp.formats import FrameShape
from peer.rtp.formats.vp9_bitstream import describe, frames_of, is_key, superframe
from peer.rtp.malformed import MalformedError
from tests.support.media.encoded import encode, encoded

QUICK = {"deadline": "realtime", "cpu-used": "8"}


@pytest.mark.parametrize(("width", "height"), [(16, 16), (177, 113), (1280, 720)])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "gbrp"])
def test_vp9_key_frames_of_real_encoders_have_their_size(
    pixels: str, width: int, height: int
) -> None:
    key, delta = encode("libvpx-vp9", QUICK, width=width, height=height, pixels=pixels, count=2)
    assert describe(key.data) == FrameShape(True, width, height)
    assert describe(delta.data) == FrameShape(False)


def frame(bits: str) -> bytes:
    """A frame that begins with these bits, those in `<>` a number of 16 of them."""
    text = re.sub(r"<(\d+)>", lambda found: f"{int(found[1]):016b}", bits).replace(" ", "")
    text = text.replace("S", f"{0x498342:024b}")
    return int(text.ljust(32 * 8, "0"), 2).to_bytes(32, "big")


# VP9 specification section 6.2: marker, profile, show_existing_frame, frame_type, show_frame,
# error_resilient_mode, then as section 6.2.1 to 6.2.5 say. A size is one less than it is.
@pytest.mark.parametrize(
    "bits",
    [
        "10 00 0 0 1 0 S 001 0 <639> <359>",
        "10 10 0 0 1 0 S 001 0 000 <639> <359>",
        "10 10 0 0 1 0 S 111 0 <639> <359>",
        "10 01 0 0 1 0 S 1 001 0 <639> <359>",
        "10 11 0 0 0 1 0 S 0 001 0 000 <639> <359>",
        "10 11 0 0 0 1 0 S 0 111 0 <639> <359>",
    ],
)
def test_vp9_key_frames_of_all_profiles_have_their_size(bits: str) -> None:
    assert describe(frame(bits)) == FrameShape(True, 640, 360)


@pytest.mark.parametrize(
    ("bits", "size"),
    [
        # Predicted, with a size of its own; without; hidden; one shown again.
        ("10 00 0 1 1 1 11111111 0000 0000 0000 0 0 0 <1279> <719>", (1280, 720)),
        ("10 00 0 1 1 0 00 11111111 0000 0000 0000 0 0 0 <1279> <719>", (1280, 720)),
        ("10 00 0 1 0 0 0 00 11111111 0000 0000 0000 0 0 0 <1279> <719>", (1280, 720)),
        ("10 00 0 1 1 1 11111111 0000 0000 0000 0 1 <1279> <719>", (640, 360)),
        ("10 00 1 000", (640, 360)),
        # Intra-only frames say how their colours are from profile 1 on.
        ("10 00 0 1 0 1 1 S 11111111 <1279> <719>", (1280, 720)),
        ("10 10 0 1 0 1 1 S 001 0 000 11111111 <1279> <719>", (1280, 720)),
    ],
)
def test_vp9_size_is_of_last_layer_that_says_one(bits: str, size: tuple[int, int]) -> None:
    low = frame("10 00 0 0 1 0 S 001 0 <639> <359>")
    assert describe(superframe([low, frame(bits)])) == FrameShape(True, *size)
    assert describe(superframe([frame(bits), low])) == FrameShape(False)


def test_vp9_superframe_within_another_is_opened() -> None:
    parts = [b"\x86one", b"\x86three", b"\x86" + bytes(300)]
    assert frames_of(superframe([superframe(parts[:2]), parts[2]])) == parts


@pytest.mark.parametrize("sizes", [(1, 2), (255, 1), (256, 1), (65536, 3), (1,) * 8])
def test_superframe_index_has_sizes_of_fewest_bytes(sizes: tuple[int, ...]) -> None:
    frames = [b"\x86" * size for size in sizes]
    whole = superframe(frames)
    octets = (max(sizes).bit_length() + 7) // 8
    assert frames_of(whole) == frames
    assert len(whole) == sum(sizes) + 2 + octets * len(sizes)


def test_single_vp9_frame_has_no_superframe_index() -> None:
    assert superframe([b"\x86one"]) == b"\x86one"


def test_superframe_with_broken_frame_is_no_key_frame() -> None:
    assert describe(superframe([encoded("VP9")[0].data, bytes(40)])) == FrameShape(False)


def test_superframe_of_more_than_eight_frames_is_refused() -> None:
    with pytest.raises(MalformedError):
        superframe([b"\x86"] * 9)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x86\xc9",
        b"\xc1",
        # Markers that differ; sizes that do not add up to what is there.
        b"\x86\x86\xc1\x01\x01\xc9",
        b"\x86\x86\xc1\x01\x02\xc1",
        b"\x86\x86\xc1\x01\x00\xc1",
    ],
)
def test_data_that_only_looks_like_superframe_index_is_one_frame(data: bytes) -> None:
    assert frames_of(data) == [data]


def test_empty_frames_of_superframe_are_skipped() -> None:
    assert frames_of(b"\x86\xc1\x01\x00\xc1") == [b"\x86"]


@pytest.mark.parametrize(
    ("first", "key"),
    [
        (0b10_00_0_0_1_0, True),
        (0b10_00_0_1_1_0, False),
        (0b10_00_1_0_0_0, False),
        (0b10_10_0_0_1_0, True),
        # Profile 3: a reserved bit before show_existing_frame and frame_type.
        (0b10_11_0_0_0_1, True),
        (0b10_11_0_0_1_0, False),
        (0b10_11_0_1_0_0, False),
        (0b01_00_0_0_1_0, False),
    ],
)
def test_first_byte_of_vp9_frame_says_key_frame(first: int, key: bool) -> None:
    assert is_key(first) is key


@pytest.mark.parametrize("length", range(9))
def test_truncated_vp9_key_frame_is_no_key_frame(length: int) -> None:
    assert describe(encoded("VP9")[0].data[:length]) == FrameShape(False)
