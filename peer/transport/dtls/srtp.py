"""Owns SRTP protection with the keys of one association, and bounds what it remembers."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.transport.adapters.srtp import SrtpSession

#: libsrtp keeps a state for each SSRC that authenticates, so a peer could make it grow.
MAX_SSRCS = 1024


class Srtp:
    """Both directions of one association's SRTP.

    Args:
        inbound: What the peer protects.
        outbound: What we protect.

    Attributes:
        protect: Protects an RTP packet; None where it is malformed or too large.
        protect_all: The same for several; what it cannot protect is left out.
        protect_rtcp: As `protect`, for RTCP.
    """

    def __init__(self, inbound: SrtpSession, outbound: SrtpSession) -> None:
        self._inbound = inbound
        self._unprotect = inbound.unprotect
        self._unprotect_rtcp = inbound.unprotect_rtcp
        self.protect = outbound.protect
        self.protect_all = outbound.protect_all
        self.protect_rtcp = outbound.protect_rtcp
        # Of the stream that is heard now, the place is brought up to date when another one is.
        self._ssrcs: OrderedDict[bytes, None] = OrderedDict()
        self._latest = b""

    @property
    def heard(self) -> bool:
        """Whether anything has authenticated."""
        return bool(self._ssrcs)

    def unprotect(self, packet: bytes) -> bytes | None:
        """Authenticate and decrypt an SRTP packet; None where it is not the peer's, or a replay."""
        plain = self._unprotect(packet)
        if plain is not None and packet[8:12] != self._latest:
            self._remember(packet[8:12])
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """The same for SRTCP."""
        plain = self._unprotect_rtcp(packet)
        if plain is not None and packet[4:8] != self._latest:
            self._remember(packet[4:8])
        return plain

    def _remember(self, ssrc: bytes) -> None:
        self._latest = ssrc
        if ssrc in self._ssrcs:
            self._ssrcs.move_to_end(ssrc)
            return
        self._ssrcs[ssrc] = None
        if len(self._ssrcs) > MAX_SSRCS:
            oldest, _ = self._ssrcs.popitem(last=False)
            self._inbound.remove_stream(int.from_bytes(oldest))
