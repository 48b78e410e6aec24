"""Owns `UnknownPacket`: RTCP that is well formed and that we have no use for."""

from __future__ import annotations

from dataclasses import dataclass

from peer.rtp.rtcp.header import packed


@dataclass(frozen=True, slots=True)
class UnknownPacket:
    """A packet of a type, or with a feedback format, that we do not know.

    Args:
        packet_type: 0 to 255.
        count: The five bits of a count or a feedback format.
        data: What follows the header, without padding.
    """

    packet_type: int
    count: int
    data: bytes

    def write(self) -> bytes:
        """The packet for the wire."""
        return packed(self.packet_type, self.count, self.data)
