"""Owns the way of our packets out of one association: protected, sent and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.transport.dtls.counters import Counters
    from peer.transport.dtls.srtp import Srtp
    from peer.transport.interfaces import AssociationEvents

Protect = Callable[[bytes], bytes | None]
ProtectAll = Callable[[Sequence[bytes]], list[bytes]]


class SrtpSender:
    """Sends nothing but DTLS until it is opened.

    Args:
        events: Take what is to go to the peer.
        counters: Where it is counted, and what could not be sent.
    """

    def __init__(self, events: AssociationEvents, counters: Counters) -> None:
        self._on_transmit = events.on_transmit
        self._on_transmit_all = events.on_transmit_all
        self._counters = counters
        self._protect: Protect | None = None
        self._protect_all: ProtectAll | None = None
        self._protect_rtcp: Protect | None = None

    def open(self, srtp: Srtp) -> None:
        """The peer is verified: send with these keys."""
        self._protect = srtp.protect
        self._protect_all = srtp.protect_all
        self._protect_rtcp = srtp.protect_rtcp

    def close(self) -> None:
        """Send neither RTP nor RTCP any more."""
        self._protect = self._protect_all = self._protect_rtcp = None

    def send_rtp(self, packet: bytes) -> bool:
        """Protect and send an RTP packet; False and counted where that is not possible now."""
        return self.transmit(None if self._protect is None else self._protect(packet))

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """The same for several in their order; how many were sent."""
        protect = self._protect_all
        protected = [] if protect is None else protect(packets)
        sent = self._on_transmit_all(protected)
        counters = self._counters
        if sent != len(packets):
            counters.dropped_unsent += len(packets) - sent
            protected = protected[:sent]
        counters.packets_sent += sent
        counters.bytes_sent += sum(map(len, protected))
        return sent

    def send_rtcp(self, packet: bytes) -> bool:
        """As `send_rtp`, for RTCP."""
        return self.transmit(None if self._protect_rtcp is None else self._protect_rtcp(packet))

    def transmit(self, datagram: bytes | None) -> bool:
        """Send and count a datagram as it is; None could not be made."""
        counters = self._counters
        if datagram is None or not self._on_transmit(datagram):
            counters.dropped_unsent += 1
            return False
        counters.packets_sent += 1
        counters.bytes_sent += len(datagram)
        return True
