"""Protects, sends and unprotects RTP and RTCP with the SRTP keys of one DTLS association."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.transport.adapters.srtp import SrtpSession
    from peer.transport.dtls.counters import Counters
    from peer.transport.interfaces import DatagramSender

#: Bound on the SSRCs with SRTP state: libsrtp keeps one for each SSRC that authenticates, so that
#: a peer could make it grow (ours).
MAX_SSRCS = 1024

Protect = Callable[[bytes], bytes | None]
ProtectAll = Callable[[Sequence[bytes]], list[bytes]]


class Srtp:
    """Both directions of the SRTP of one association, with a bound on the inbound streams.

    Args:
        inbound: Unprotects packets of the peer.
        outbound: Protects our packets.

    Attributes:
        protect: Protects an RTP packet; None where it is malformed or too large.
        protect_all: Protects several RTP packets; those that it cannot protect are left out.
        protect_rtcp: Protects an RTCP packet; None where it is malformed or too large.
    """

    def __init__(self, *, inbound: SrtpSession, outbound: SrtpSession) -> None:
        self._inbound = inbound
        self._unprotect = inbound.unprotect
        self._unprotect_rtcp = inbound.unprotect_rtcp
        self.protect = outbound.protect
        self.protect_all = outbound.protect_all
        self.protect_rtcp = outbound.protect_rtcp
        # Least recently used first. A run of packets of one SSRC moves it only once.
        self._ssrcs: OrderedDict[bytes, None] = OrderedDict()
        self._latest = b""

    @property
    def authenticated(self) -> bool:
        """True once any SRTP or SRTCP packet has authenticated."""
        return bool(self._ssrcs)

    def unprotect(self, packet: bytes) -> bytes | None:
        """Authenticate and decrypt an SRTP packet; None where it is not the peer's, or a replay."""
        plain = self._unprotect(packet)
        if plain is not None and packet[8:12] != self._latest:
            self._remember(packet[8:12])
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """Authenticate and decrypt an SRTCP packet; None where not the peer's, or a replay."""
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


class SrtpSender:
    """Protects, sends and counts our RTP and RTCP; sends nothing but DTLS until it is opened.

    Args:
        path: Sends protected packets. Its functions are bound here once, as each packet pays for
            an attribute.
        counters: Counts what was sent, and what could not be.
    """

    def __init__(self, path: DatagramSender, counters: Counters) -> None:
        self._send = path.send
        self._send_all = path.send_all
        self._counters = counters
        self._protect: Protect | None = None
        self._protect_all: ProtectAll | None = None
        self._protect_rtcp: Protect | None = None

    def open(self, srtp: Srtp) -> None:
        """Send RTP and RTCP with these keys, as the peer is verified."""
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
        """Protect and send several RTP packets in their order; return how many were sent."""
        protect = self._protect_all
        protected = [] if protect is None else protect(packets)
        sent = self._send_all(protected)
        counters = self._counters
        if sent != len(packets):
            counters.dropped_unsent += len(packets) - sent
            protected = protected[:sent]
        counters.packets_sent += sent
        counters.bytes_sent += sum(map(len, protected))
        return sent

    def send_rtcp(self, packet: bytes) -> bool:
        """Protect and send an RTCP packet; False and counted where that is not possible now."""
        return self.transmit(None if self._protect_rtcp is None else self._protect_rtcp(packet))

    def transmit(self, datagram: bytes | None) -> bool:
        """Send and count a datagram without protecting it; None counts as unsent."""
        counters = self._counters
        if datagram is None or not self._send(datagram):
            counters.dropped_unsent += 1
            return False
        counters.packets_sent += 1
        counters.bytes_sent += len(datagram)
        return True
