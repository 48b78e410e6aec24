"""VP8: the descriptors of RFC 7741, read and written."""

from __future__ import annotations

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor

from peer.rtp.formats import FrameShape
from peer.rtp.formats.vp8 import Vp8Format
from peer.rtp.malformed import MalformedError

# RFC 6386 section 9.1: no interframe, version 0, shown; then 640 by 360, scaled by 1 and 3.
KEYFRAME = bytes.fromhex("100200 9d012a 8042 68c1 0000")
INTERFRAME = bytes.fromhex("310e00 0510")

# Of RFC 7741 section 4.2, with the picture ids of the examples in section 4.6.
DESCRIPTORS = {
    "10": "no extension",
    "90 80 11": "picture id 17",
    "90 80 9267": "picture id 4711",
    "90 c0 9267 81": "and TL0PICIDX 129",
    "90 20 e0": "TID 3 and Y",
    "90 10 1f": "KEYIDX 31",
    "90 f0 9267 81 ff": "all of them",
    "b0 80 11": "not a reference",
    "90 00": "an extension with nothing in it",
}


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_vp8_descriptor_is_removed(descriptor: str) -> None:
    head = bytes.fromhex(descriptor)
    fmt = Vp8Format()
    for frame in (KEYFRAME, INTERFRAME):
        assert fmt.assemble([head + frame]) == frame
        assert fmt.is_keyframe_start(head + frame) is (frame is KEYFRAME)


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_vp8_payload_that_ends_within_descriptor_is_refused(descriptor: str) -> None:
    head = bytes.fromhex(descriptor)
    for length in range(len(head) + 1):
        assert not Vp8Format().is_keyframe_start(head[:length])
        with pytest.raises(MalformedError):
            Vp8Format().assemble([head[:length]])


def test_vp8_partitions_in_separate_packets_make_one_frame() -> None:
    # RFC 7741 section 4.6.3: S in both, PID 0 and 1.
    payloads = [bytes.fromhex("908011") + INTERFRAME, bytes.fromhex("918011") + b"second"]
    fmt = Vp8Format()
    assert fmt.assemble(payloads) == INTERFRAME + b"second"


@pytest.mark.parametrize("second", ["80 80 11", "00", "01", "81 80 9267"])
def test_later_vp8_payloads_are_no_key_frame_start(second: str) -> None:
    payload = bytes.fromhex(second) + b"rest"
    fmt = Vp8Format()
    assert fmt.assemble([bytes.fromhex("10") + INTERFRAME, payload]) == INTERFRAME + b"rest"
    assert not fmt.is_keyframe_start(payload)
    with pytest.raises(MalformedError):
        fmt.assemble([payload])


def test_empty_later_vp8_payload_is_refused() -> None:
    with pytest.raises(MalformedError):
        Vp8Format().assemble([b"\x10" + INTERFRAME, b"\x80\x80\x11"])


def test_vp8_frame_that_begins_twice_is_refused() -> None:
    with pytest.raises(MalformedError):
        Vp8Format().assemble([b"\x10" + INTERFRAME, b"\x10" + INTERFRAME])


@pytest.mark.parametrize("frame", [KEYFRAME[:9], INTERFRAME[:2]])
def test_vp8_frame_without_header_is_refused(frame: bytes) -> None:
    with pytest.raises(MalformedError):
        Vp8Format().assemble([b"\x10" + frame])


def test_vp8_size_is_without_scale_bits() -> None:
    assert Vp8Format().describe(KEYFRAME) == FrameShape(True, 640, 360)


@pytest.mark.parametrize("frame", [INTERFRAME * 3, KEYFRAME[:9], KEYFRAME.replace(b"*", b"+")])
def test_vp8_frame_without_start_code_is_no_key_frame(frame: bytes) -> None:
    assert Vp8Format().describe(frame) == FrameShape(False)


def test_vp8_picture_ids_of_15_bits_count_frames_and_wrap() -> None:
    fmt = Vp8Format()
    ids = []
    for _ in range((1 << 16) + 2):
        first, second = fmt.packetize(INTERFRAME * 20, keyframe=False, limit=64)
        ids.append(int.from_bytes(first[2:4], "big"))
        assert first[:2] == b"\x90\x80"
        assert second[:2] == b"\x80\x80"
        assert second[2:4] == first[2:4]

    assert ids == [0x8000 | number for number in [*range(1 << 15), *range(1 << 15), 0, 1]]


def test_vp8_payloads_are_of_nearly_one_size() -> None:
    frame = KEYFRAME + bytes(2000)
    sizes = [len(p) - 4 for p in Vp8Format().packetize(frame, keyframe=True, limit=1000)]
    assert sizes == [671, 671, 670]


def test_aiortc_reads_our_vp8_payloads() -> None:
    fmt = Vp8Format()
    fmt.packetize(KEYFRAME, keyframe=True, limit=100)
    for number, payload in enumerate(fmt.packetize(bytes(500), keyframe=False, limit=100)):
        descriptor, rest = VpxPayloadDescriptor.parse(payload)
        assert descriptor.picture_id == 1
        assert descriptor.partition_id == 0
        assert descriptor.partition_start == (1 if number == 0 else 0)
        assert rest == payload[4:]
