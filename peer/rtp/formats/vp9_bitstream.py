"""Reads VP9 superframes and frame headers. PURE."""

from __future__ import annotations

from peer.rtp.formats.bits import BitReader
from peer.rtp.formats.payload_format import FrameShape
from peer.rtp.malformed import MalformedError

#: The superframe index (VP9 bitstream specification, Annex B).
_INDEX_MARKER = 0b110
_MOST_FRAMES = 8

#: The uncompressed header, as far as the size of the frame (section 6.2).
_FRAME_MARKER = 0b10
_SYNC_CODE = 0x498342
_HEADER_OCTETS = 32
_SRGB = 7
_REFERENCES = 3
_LAST_PROFILE = 3
_FIRST_DEEP_PROFILE = 2

_NO_KEYFRAME = FrameShape(keyframe=False)


def is_key(first: int) -> bool:
    """True where the first byte of a frame says that it is a key frame.

    With profile 3 a reserved bit moves the others by one (section 6.2).
    """
    if first >> 6 != _FRAME_MARKER:
        return False
    return not first & (0b0110 if first & 0b0011_0000 == 0b0011_0000 else 0b1100)


def superframe(frames: list[bytes]) -> bytes:
    """Join the frames of one picture, with the index that decoders divide them by."""
    frames = [part for frame in frames for part in frames_of(frame)]
    if len(frames) == 1:
        return frames[0]
    if len(frames) > _MOST_FRAMES:
        raise MalformedError(f"{len(frames)} VP9 frames in one picture")
    sizes = [len(frame) for frame in frames]
    octets = (max(sizes).bit_length() + 7) // 8
    marker = bytes((_INDEX_MARKER << 5 | (octets - 1) << 3 | (len(frames) - 1),))
    index = b"".join(size.to_bytes(octets, "little") for size in sizes)
    return b"".join((*frames, marker, index, marker))


def frames_of(data: bytes) -> list[bytes]:
    """The frames of a superframe; data without an index is one frame."""
    if not data or data[-1] >> 5 != _INDEX_MARKER:
        return [data]
    marker = data[-1]
    octets, count = (marker >> 3 & 0b11) + 1, (marker & 0b111) + 1
    start = len(data) - 2 - octets * count
    if start < 0 or data[start] != marker:
        return [data]
    frames = []
    at = 0
    for place in range(start + 1, len(data) - 1, octets):
        size = int.from_bytes(data[place : place + octets], "little")
        frames.append(data[at : at + size])
        at += size
    if at != start:
        # Data that only looks like an index.
        return [data]
    return [frame for frame in frames if frame] or [data]


def describe(data: bytes) -> FrameShape:
    """Describe a superframe by its first frame (key frame or not) and its last (size)."""
    if not data or not is_key(data[0]):
        return _NO_KEYFRAME
    shape = FrameShape(keyframe=True)
    try:
        for frame in frames_of(data):
            size = _size(frame)
            if size is not None:
                shape = FrameShape(keyframe=True, width=size[0], height=size[1])
    except MalformedError:
        return _NO_KEYFRAME
    return shape


def _size(frame: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; None where the frame refers to others for them (section 6.2)."""
    bits = BitReader(frame[:_HEADER_OCTETS])
    profile = read_profile(bits)
    # show_existing_frame
    if bits.flag():
        return None
    inter, shown, resilient = bits.flag(), bits.flag(), bits.flag()
    if not inter:
        check_sync_code(bits)
        skip_color_config(bits, profile)
    else:
        intra_only = not shown and bits.flag()
        if not resilient:
            bits.read(2)
        if intra_only:
            check_sync_code(bits)
            if profile > 0:
                skip_color_config(bits, profile)
        bits.read(8)  # refresh_frame_flags
        if not intra_only:
            # An index and a sign for each reference; then whether the size is that of one.
            bits.read(_REFERENCES * 4)
            if any(bits.flag() for _ in range(_REFERENCES)):
                return None
    return bits.read(16) + 1, bits.read(16) + 1


def read_profile(bits: BitReader) -> int:
    """Read the frame marker and the profile, with which a header begins.

    Raises:
        MalformedError: It is no frame of VP9.
    """
    if bits.read(2) != _FRAME_MARKER:
        raise MalformedError("not a VP9 frame")
    profile = bits.read(1) | bits.read(1) << 1
    if profile == _LAST_PROFILE:
        bits.read(1)
    return profile


def check_sync_code(bits: BitReader) -> None:
    """Read the sync code, and raise `MalformedError` where it is another."""
    if bits.read(24) != _SYNC_CODE:
        raise MalformedError("a VP9 frame without its sync code")


def skip_color_config(bits: BitReader, profile: int) -> None:
    """Pass over `color_config` (section 6.2.2)."""
    if profile >= _FIRST_DEEP_PROFILE:
        bits.read(1)
    if bits.read(3) != _SRGB:
        bits.read(1)
        # Profiles 1 and 3 say how colours are subsampled.
        if profile & 1:
            bits.read(3)
    elif profile & 1:
        bits.read(1)
