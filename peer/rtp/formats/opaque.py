"""Payload formats in which a packet is a frame: audio, and unknown codecs. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.payload_format import FrameShape
from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALWAYS_DECODABLE = FrameShape(keyframe=True)


class OpaqueFormat:
    """Passes Opus (RFC 7587), G.711, G.722 and telephone events (RFC 3551, RFC 4733) unread."""

    packet_is_frame = True

    def packetize(self, frame: bytes, *, keyframe: bool, limit: int) -> list[bytes]:
        """Make the whole frame one payload: none of these formats divides one."""
        return [frame] if frame else []

    def is_keyframe_start(self, payload: bytes) -> bool:
        """True for each payload, which can be decoded by itself."""
        return True

    def assemble(self, payloads: Sequence[bytes]) -> bytes:
        """Give the one payload that there is."""
        if len(payloads) != 1:
            raise MalformedError(f"{len(payloads)} packets for a frame that fills one")
        return payloads[0]

    def describe(self, frame: bytes) -> FrameShape:
        """Describe each frame as a key frame without a size."""
        return _ALWAYS_DECODABLE
