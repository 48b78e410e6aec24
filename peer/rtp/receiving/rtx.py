"""Owns which stream a retransmission stream repairs, and what it brings back (RFC 4588)."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from peer.rtp.packet import RtpPacket

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Associations and names of streams that are remembered.
LIMIT = 16

K = TypeVar("K")


class RtxStreams:
    """Knows by `a=ssrc-group:FID`, by the RID extensions, or because there is only one stream."""

    def __init__(self) -> None:
        self._signalled: dict[int, int] = {}
        self._learnt: OrderedDict[int, int] = OrderedDict()
        self._named: OrderedDict[bytes, int] = OrderedDict()

    def configure(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Expect these pairs of (SSRC of the retransmissions, SSRC that they repair)."""
        self._signalled = dict(pairs)

    def name(self, rid: bytes, ssrc: int) -> None:
        """A stream of media says its RID (RFC 8852)."""
        _remember(self._named, rid, ssrc)

    def repaired(self, ssrc: int, repaired_rid: bytes | None, only: int | None) -> int | None:
        """The stream that `ssrc` repairs; None where that cannot be told.

        Args:
            ssrc: Of the retransmission stream.
            repaired_rid: What the packet says by extension.
            only: The one stream of media that there is at present.
        """
        if (known := self._signalled.get(ssrc)) is not None:
            return known
        if repaired_rid is not None and (named := self._named.get(repaired_rid)) is not None:
            _remember(self._learnt, ssrc, named)
            return named
        # RFC 4588 section 5.3: where nothing was signalled, the RTX stream of a session that
        # repairs only one stream can only repair that one.
        return self._learnt.get(ssrc, only)


def restore_rtx(packet: RtpPacket, payload_type: int, ssrc: int) -> RtpPacket | None:
    """The packet as it was sent first; None for one that only pads.

    Args:
        packet: A retransmission.
        payload_type: Of the original.
        ssrc: Of the original.
    """
    payload = packet.payload
    # RFC 4588 section 4: the original sequence number comes before the original payload. Senders
    # that probe the network send packets without either.
    if len(payload) < 2:
        return None
    return RtpPacket(
        payload_type=payload_type,
        marker=packet.marker,
        sequence_number=payload[0] << 8 | payload[1],
        timestamp=packet.timestamp,
        ssrc=ssrc,
        payload=payload[2:],
        csrcs=packet.csrcs,
    )


def _remember(table: OrderedDict[K, int], key: K, ssrc: int) -> None:
    table[key] = ssrc
    table.move_to_end(key)
    if len(table) > LIMIT:
        table.popitem(last=False)
