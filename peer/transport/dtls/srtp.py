"""Owns SRTP protection with the keys of one association, and bounds what it remembers."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import pylibsrtp

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylibsrtp import Session

#: libsrtp keeps a state for each SSRC that authenticates, so a peer could make it grow.
MAX_SSRCS = 1024

_RTP_SSRC = slice(8, 12)
_RTCP_SSRC = slice(4, 8)


class Srtp:
    """Both directions of one association's SRTP.

    Args:
        inbound: What the peer protects.
        outbound: What we protect.
    """

    def __init__(self, inbound: Session, outbound: Session) -> None:
        self._inbound = inbound
        self._outbound = outbound
        self._ssrcs: OrderedDict[bytes, None] = OrderedDict()

    @property
    def heard(self) -> bool:
        """Whether anything has authenticated."""
        return bool(self._ssrcs)

    def protect(self, packet: bytes) -> bytes | None:
        """Protect an RTP packet; None where it is malformed or too great."""
        return _attempt(self._outbound.protect, packet)

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """Protect an RTCP packet; None where it is malformed or too great."""
        return _attempt(self._outbound.protect_rtcp, packet)

    def unprotect(self, packet: bytes) -> bytes | None:
        """Authenticate and decrypt an SRTP packet; None where it is not the peer's, or a replay."""
        plain = _attempt(self._inbound.unprotect, packet)
        if plain is not None:
            self._remember(packet[_RTP_SSRC])
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """The same for SRTCP."""
        plain = _attempt(self._inbound.unprotect_rtcp, packet)
        if plain is not None:
            self._remember(packet[_RTCP_SSRC])
        return plain

    def _remember(self, ssrc: bytes) -> None:
        if ssrc in self._ssrcs:
            self._ssrcs.move_to_end(ssrc)
            return
        self._ssrcs[ssrc] = None
        if len(self._ssrcs) > MAX_SSRCS:
            oldest, _ = self._ssrcs.popitem(last=False)
            self._inbound.remove_stream(int.from_bytes(oldest))


def _attempt(operation: Callable[[bytes], bytes], packet: bytes) -> bytes | None:
    try:
        return operation(packet)
    except (pylibsrtp.Error, ValueError):
        return None
