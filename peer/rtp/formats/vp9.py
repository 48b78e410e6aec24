"""The RTP payload format of VP9 (RFC 9628). PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats import vp9_bitstream
from peer.rtp.formats.division import split_evenly
from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.formats.payload_format import FrameShape

#: The payload descriptor (RFC 9628 section 4.2).
_HAS_PICTURE_ID = 0x80  # I
_PREDICTED = 0x40  # P
_HAS_LAYERS = 0x20  # L
_FLEXIBLE = 0x10  # F
_BEGINS = 0x08  # B
_ENDS = 0x04  # E
_HAS_STRUCTURE = 0x02  # V
_LONG_PICTURE_ID = 0x80  # M
_MORE_REFERENCES = 0x01  # N
_MOST_REFERENCES = 3
_PICTURE_IDS = 1 << 15
_TL0PICIDXS = 1 << 8

#: The scalability structure (RFC 9628 section 4.2.1).
_HAS_SIZES = 0x10  # Y
_HAS_PICTURES = 0x08  # G
_LARGEST = (1 << 16) - 1
# One picture in the group, of the lowest temporal layer, that refers to the one before (R, P_DIFF).
_EACH_REFERS_TO_THE_LAST = bytes((1, 1 << 2, 1))


class Vp9Format:
    """Packetizes and assembles VP9 frames, which are as in IVF or WebM.

    The layers of one picture together are a superframe. Payloads are in non-flexible mode, with one
    layer: libwebrtc drops frames in that mode that have no TL0PICIDX, and key frames without a
    scalability structure.
    """

    packet_is_frame = False

    def __init__(self) -> None:
        self._picture_id = 0
        self._tl0picidx = 0

    def packetize(self, frame: bytes, *, keyframe: bool, limit: int) -> list[bytes]:
        """Divide a frame into nearly even parts with its picture id; a key frame says its size."""
        if not frame:
            return []
        flags = _HAS_PICTURE_ID | _HAS_LAYERS | (0 if keyframe else _PREDICTED)
        tail = bytes(
            (
                _LONG_PICTURE_ID | self._picture_id >> 8,
                self._picture_id & 0xFF,
                0,  # TID, U, SID, D: one layer
                self._tl0picidx,
            )
        )
        self._picture_id = (self._picture_id + 1) % _PICTURE_IDS
        self._tl0picidx = (self._tl0picidx + 1) % _TL0PICIDXS
        structure = _structure(self.describe(frame)) if keyframe else b""
        parts = split_evenly(frame, limit - 1 - len(tail) - len(structure))
        payloads = []
        for number, part in enumerate(parts):
            first = flags
            if number == 0:
                first |= _BEGINS | (_HAS_STRUCTURE if structure else 0)
            if number == len(parts) - 1:
                first |= _ENDS
            payloads.append(b"".join((bytes((first,)), tail, b"" if number else structure, part)))
        return payloads

    def is_keyframe_start(self, payload: bytes) -> bool:
        """True where a key frame begins in the payload, not only one without prediction.

        RFC 9628 section 4.2 clears P in intra-only frames and in such of upper layers as well.
        """
        try:
            if payload[0] & (_PREDICTED | _BEGINS) != _BEGINS:
                return False
            return vp9_bitstream.is_key(payload[_descriptor_size(payload)])
        except IndexError:
            return False

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """Join the payloads without their descriptors; several layers make a superframe."""
        frames: list[bytes] = []
        parts: list[bytes] = []
        try:
            for payload in payloads:
                flags = payload[0]
                # Each layer frame has its beginning and its end.
                if bool(flags & _BEGINS) is not (not parts):
                    raise MalformedError("a VP9 frame begins twice, or not at all")
                size = _descriptor_size(payload)
                if size >= len(payload):
                    raise MalformedError("a VP9 packet ends within its descriptor", size)
                parts.append(payload[size:])
                if flags & _ENDS:
                    frames.append(b"".join(parts))
                    parts = []
        except IndexError:
            raise MalformedError("a VP9 packet ends within its descriptor") from None
        if parts or not frames:
            raise MalformedError("a VP9 frame has no end")
        return frames[0] if len(frames) == 1 else vp9_bitstream.superframe(frames)

    def describe(self, frame: bytes) -> FrameShape:
        """Read key frame and size from the frame headers; the size is of the uppermost layer."""
        return vp9_bitstream.describe(frame)


def _structure(shape: FrameShape) -> bytes:
    """The scalability structure of a stream with one layer; none without a size."""
    if shape.width is None or shape.height is None or max(shape.width, shape.height) > _LARGEST:
        return b""
    sizes = shape.width.to_bytes(2, "big") + shape.height.to_bytes(2, "big")
    return bytes((_HAS_SIZES | _HAS_PICTURES,)) + sizes + _EACH_REFERS_TO_THE_LAST


def _layers_at(payload: bytes) -> int:
    """Offset of the layer indices in a payload."""
    if not payload[0] & _HAS_PICTURE_ID:
        return 1
    return 3 if payload[1] & _LONG_PICTURE_ID else 2


def _descriptor_size(payload: bytes) -> int:
    """Bytes of the payload descriptor; IndexError where the payload ends within it."""
    flags = payload[0]
    at = _layers_at(payload)
    if flags & _HAS_LAYERS:
        # TL0PICIDX is there in non-flexible mode only.
        at += 1 if flags & _FLEXIBLE else 2
    if flags & _FLEXIBLE and flags & _PREDICTED:
        last = at + _MOST_REFERENCES
        while payload[at] & _MORE_REFERENCES:
            at += 1
            if at == last:
                raise MalformedError("a VP9 frame refers to too many others", at)
        at += 1
    return _after_structure(payload, at) if flags & _HAS_STRUCTURE else at


def _after_structure(payload: bytes, at: int) -> int:
    """Offset of the end of the scalability structure that begins at `at` (section 4.2.1)."""
    flags = payload[at]
    at += 1
    if flags & _HAS_SIZES:
        at += 4 * ((flags >> 5) + 1)
    if flags & _HAS_PICTURES:
        pictures = payload[at]
        at += 1
        for _ in range(pictures):
            at += 1 + (payload[at] >> 2 & 0b11)
    return at
