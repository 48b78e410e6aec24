"""Retransmission streams, which SSRC each repairs, and their format (RFC 4588). PURE."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from peer.rtp.packet import RtpPacket

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Limit of the learned associations and of the named streams (ours).
LIMIT = 16

K = TypeVar("K")


class RtxAssociations:
    """The media SSRC of each RTX SSRC.

    It is known by `a=ssrc-group:FID` or by the RID header extensions, or because the receiver has
    one media stream only.
    """

    def __init__(self) -> None:
        self._signalled: dict[int, int] = {}
        self._learned: OrderedDict[int, int] = OrderedDict()
        self._ssrc_by_rid: OrderedDict[bytes, int] = OrderedDict()

    def configure(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Expect these pairs of RTX SSRC and media SSRC (`a=ssrc-group:FID`)."""
        self._signalled = dict(pairs)

    def add_rid(self, rid: bytes, ssrc: int) -> None:
        """Note the RID that a media stream says (RFC 8852)."""
        _remember(self._ssrc_by_rid, rid, ssrc=ssrc)

    def media_ssrc(
        self, rtx_ssrc: int, *, repaired_rid: bytes | None, current_ssrc: int | None
    ) -> int | None:
        """The SSRC that an RTX stream repairs; None where that cannot be told.

        Args:
            rtx_ssrc: SSRC of the RTX stream.
            repaired_rid: Value of its repaired-RID header extension; None without one.
            current_ssrc: SSRC of the media stream that is received at present.
        """
        if (known := self._signalled.get(rtx_ssrc)) is not None:
            return known
        if repaired_rid is not None and (named := self._ssrc_by_rid.get(repaired_rid)) is not None:
            _remember(self._learned, rtx_ssrc, ssrc=named)
            return named
        # RFC 4588 section 5.3: where nothing was signalled, the RTX stream of a session that
        # repairs only one stream can only repair that one.
        return self._learned.get(rtx_ssrc, current_ssrc)


def original_packet(packet: RtpPacket, *, payload_type: int, ssrc: int) -> RtpPacket | None:
    """The packet that an RTX packet retransmits; None for one that only pads.

    Args:
        packet: The RTX packet.
        payload_type: Of the original stream.
        ssrc: Of the original stream.
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


def _remember(table: OrderedDict[K, int], key: K, *, ssrc: int) -> None:
    table[key] = ssrc
    table.move_to_end(key)
    if len(table) > LIMIT:
        table.popitem(last=False)
