"""The RTP payload format of VP8 (RFC 7741). PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.division import split_evenly
from peer.rtp.formats.payload_format import FrameShape
from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The payload descriptor (RFC 7741 section 4.2).
_EXTENDED = 0x80  # X
_STARTS_PARTITION = 0x10  # S
_PARTITION = 0x07  # PID
_HAS_PICTURE_ID = 0x80  # I
_HAS_TL0PICIDX = 0x40  # L
_HAS_TID_OR_KEYIDX = 0x30  # T, K
_LONG_PICTURE_ID = 0x80  # M
_PICTURE_IDS = 1 << 15
#: Bytes of the payload descriptor that we write: X, I, and a picture id of 15 bits (ours).
_DESCRIPTOR = 4

#: The frame tag, and the header of a key frame (RFC 6386 section 9.1).
_INTER = 0x01
_FRAME_TAG = 3
_START_CODE = b"\x9d\x01\x2a"
_KEYFRAME_HEADER = 10

_NO_KEYFRAME = FrameShape(keyframe=False)


class Vp8Format:
    """Packetizes and assembles VP8 frames, which are as in IVF or WebM.

    Payloads have picture ids, by which a receiver can tell what it lost, and no temporal layers.
    """

    packet_is_frame = False

    def __init__(self) -> None:
        self._picture_id = 0

    def packetize(self, frame: bytes, *, keyframe: bool, limit: int) -> list[bytes]:
        """Divide a frame into nearly even parts; the first has the bit S of partition 0."""
        if not frame:
            return []
        picture_id = self._picture_id
        self._picture_id = (picture_id + 1) % _PICTURE_IDS
        tail = bytes((_HAS_PICTURE_ID, _LONG_PICTURE_ID | picture_id >> 8, picture_id & 0xFF))
        descriptor = bytes((_EXTENDED | _STARTS_PARTITION,)) + tail
        payloads = []
        for part in split_evenly(frame, limit - _DESCRIPTOR):
            payloads.append(descriptor + part)
            descriptor = bytes((_EXTENDED,)) + tail
        return payloads

    def is_keyframe_start(self, payload: bytes) -> bool:
        """True where a frame tag with the bit of a key frame begins in the payload."""
        try:
            if payload[0] & (_STARTS_PARTITION | _PARTITION) != _STARTS_PARTITION:
                return False
            return not payload[_descriptor_size(payload)] & _INTER
        except IndexError:
            return False

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """Join the payloads without their descriptors."""
        parts: list[bytes] = []
        try:
            for payload in payloads:
                starts = payload[0] & (_STARTS_PARTITION | _PARTITION) == _STARTS_PARTITION
                if starts is not (not parts):
                    raise MalformedError("a VP8 frame begins twice, or not at all")
                size = _descriptor_size(payload)
                if size >= len(payload):
                    raise MalformedError("a VP8 packet ends within its descriptor", size)
                parts.append(payload[size:])
        except IndexError:
            raise MalformedError("a VP8 packet ends within its descriptor") from None
        frame = b"".join(parts)
        if len(frame) < (_FRAME_TAG if frame[:1] and frame[0] & _INTER else _KEYFRAME_HEADER):
            raise MalformedError("a VP8 frame ends too early", len(frame))
        return frame

    def describe(self, frame: bytes) -> FrameShape:
        """Read key frame bit and size from the frame header (RFC 6386 section 9.1)."""
        if len(frame) < _KEYFRAME_HEADER or frame[0] & _INTER or frame[3:6] != _START_CODE:
            return _NO_KEYFRAME
        # 14 bits each; the upper two say how to scale it up for display.
        width = int.from_bytes(frame[6:8], "little") & 0x3FFF
        height = int.from_bytes(frame[8:10], "little") & 0x3FFF
        return FrameShape(keyframe=True, width=width, height=height)


def _descriptor_size(payload: bytes) -> int:
    """Bytes of the payload descriptor; IndexError where the payload ends within it."""
    if not payload[0] & _EXTENDED:
        return 1
    extension = payload[1]
    size = 2
    if extension & _HAS_PICTURE_ID:
        size += 2 if payload[2] & _LONG_PICTURE_ID else 1
    if extension & _HAS_TL0PICIDX:
        size += 1
    if extension & _HAS_TID_OR_KEYIDX:
        size += 1
    return size
