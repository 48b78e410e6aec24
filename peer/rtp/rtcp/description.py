"""SDES and BYE packets of RTCP (RFC 3550 sections 6.5 and 6.6)."""

from __future__ import annotations

from struct import Struct
from typing import Self

from peer.rtp.malformed import MalformedError
from peer.rtp.rtcp.header import PacketType, pack_packet
from peer.values import dataclass

#: SDES item type of the canonical name (RFC 3550 section 6.5.1).
_CNAME = 1
_SSRC = Struct("!I")


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """A source description (SDES) gives the canonical names of sources.

    Args:
        chunks: Pairs of SSRC and CNAME, at most 31; the name is "" where a peer gives none.
    """

    chunks: tuple[tuple[int, str], ...]

    @classmethod
    def parse(cls, count: int, body: bytes) -> Self:
        """Parse the octets after the header."""
        chunks = []
        at = 0
        for _ in range(count):
            ssrc, cname, at = _chunk(body, at)
            chunks.append((ssrc, cname))
        return cls(tuple(chunks))

    def write(self) -> bytes:
        """Write the packet as on the wire.

        Raises:
            ValueError: A name has more than 255 octets of UTF-8, or there are more than 31 names.
        """
        body = bytearray()
        for ssrc, cname in self.chunks:
            name = cname.encode()
            body += _SSRC.pack(ssrc) + bytes((_CNAME, len(name))) + name
            # RFC 3550 section 6.5: a null octet ends the chunk, and more fill up its last word.
            body += bytes(4 - len(body) % 4)
        return pack_packet(
            bytes(body), packet_type=PacketType.SOURCE_DESCRIPTION, count=len(self.chunks)
        )


def _chunk(body: bytes, at: int) -> tuple[int, str, int]:
    if at + _SSRC.size > len(body):
        raise MalformedError("a source description ends before a chunk", len(body))
    (ssrc,) = _SSRC.unpack_from(body, at)
    at += _SSRC.size
    cname = ""
    while True:
        if at >= len(body):
            raise MalformedError("a source description ends within a chunk", at)
        if not body[at]:
            return ssrc, cname, (at + 4) // 4 * 4
        end = at + 2 + (body[at + 1] if at + 1 < len(body) else 0)
        if end > len(body) or at + 2 > len(body):
            raise MalformedError("a source description ends within an item", at)
        if body[at] == _CNAME:
            cname = body[at + 2 : end].decode(errors="replace")
        at = end


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A goodbye (BYE) names sources that have stopped sending; the reason is dropped.

    Args:
        ssrcs: SSRCs of the sources, at most 31.
    """

    ssrcs: tuple[int, ...]

    @classmethod
    def parse(cls, count: int, body: bytes) -> Self:
        """Parse the octets after the header."""
        if 4 * count > len(body):
            raise MalformedError("a goodbye ends within its sources", len(body))
        return cls(Struct(f"!{count}I").unpack_from(body))

    def write(self) -> bytes:
        """Write the packet as on the wire."""
        count = len(self.ssrcs)
        body = Struct(f"!{count}I").pack(*self.ssrcs)
        return pack_packet(body, packet_type=PacketType.GOODBYE, count=count)
