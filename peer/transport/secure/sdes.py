"""SRTP and SRTCP with keys of signalling over one path, in the place of a DTLS association."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.states import DtlsTransportState
from peer.transport.adapters.sdes_packets import SdesPackets
from peer.transport.dtls.association import SrtpSender
from peer.transport.dtls.counters import ReceiveResult
from peer.transport.dtls.timer import Timer
from peer.transport.secure.rekey import RETIREMENT_PERIOD
from peer.transport.wire.demux import DatagramClass, classify

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.srtp_keys import CryptoSuite, SrtpMasterKeys
    from peer.times import MonotonicTime
    from peer.transport.dtls.counters import Counters
    from peer.transport.interfaces import DatagramSender, PacketHandlers

# Looked up for every packet, and an Enum takes its time.
_PAYLOAD = ReceiveResult.PAYLOAD
_UNAUTHENTIC = ReceiveResult.UNAUTHENTIC


class SdesMedia:
    """Sends and takes SRTP and SRTCP under keys that offer and answer name (RFC 4568).

    It is a `PacketSender`, and takes the datagrams of the path as a `DtlsAssociation` does. DTLS is
    none of its business: whatever comes of it is dropped.

    Args:
        path: Carries the datagrams.
        handlers: Take the decrypted packets.
        counters: Counts what was sent, and what could not be.
        clock: Gives the arrival time of packets.
        keys: The keys of both directions.

    Attributes:
        send_rtp: `SrtpSender.send_rtp`, without a call in between; so the next two.
        send_rtp_all: `SrtpSender.send_rtp_all`.
        send_rtcp: `SrtpSender.send_rtcp`.
        is_up: Whether there was a path to the peer; the owner sets it.
        error: None always: nothing that comes ends it.
    """

    def __init__(
        self,
        path: DatagramSender,
        handlers: PacketHandlers,
        counters: Counters,
        clock: Callable[[], MonotonicTime],
        keys: SrtpMasterKeys,
    ) -> None:
        self.is_up = False
        self.error: None = None
        self._on_rtp = handlers.on_rtp
        self._on_rtcp = handlers.on_rtcp
        self._counters = counters
        self._clock = clock
        self._keys = keys
        self._packets = SdesPackets(keys)
        self._sender = sender = SrtpSender(path, counters)
        sender.open(self._packets.sends)
        self.send_rtp = sender.send_rtp
        self.send_rtp_all = sender.send_rtp_all
        self.send_rtcp = sender.send_rtcp
        #: Takes what is still on its way under the former key of the peer.
        self._former: SdesPackets | None = None
        self._retirement = Timer(self._retire)

    def __repr__(self) -> str:
        return f"<SdesMedia {self.suite} {'up' if self.is_up else 'waits for a path'}>"

    @property
    def suite(self) -> CryptoSuite:
        """The crypto suite of both directions."""
        return self._keys.ours.suite

    @property
    def state(self) -> DtlsTransportState:
        """State in the place of that of DTLS: `connected` once there was a path."""
        return DtlsTransportState.CONNECTED if self.is_up else DtlsTransportState.NEW

    def use(self, keys: SrtpMasterKeys) -> None:
        """Send and take packets under other keys from now on (RFC 4568 section 7.1.4).

        A direction whose key is the same goes on as it is, and what is still on its way under the
        former key of the peer is taken for a while.
        """
        former = self._packets
        self._packets = former.renewed(self._keys, keys)
        self._sender.open(self._packets.sends)
        if keys.theirs != self._keys.theirs:
            self._former = former
            self._retirement.start(RETIREMENT_PERIOD)
        self._keys = keys

    def close(self) -> None:
        """Drop the former key."""
        self._retirement.cancel()
        self._retire()

    def receive(self, datagram: bytes) -> ReceiveResult:
        """Take one datagram from the path; never raises."""
        match classify(datagram):
            case DatagramClass.RTP:
                packet = self._packets.unprotect(datagram)
                if packet is None and self._former is not None:
                    packet = self._former.unprotect(datagram)
                if packet is None:
                    return _UNAUTHENTIC
                self._on_rtp(packet, self._clock())
                return _PAYLOAD
            case DatagramClass.RTCP:
                packet = self._packets.unprotect_rtcp(datagram)
                if packet is None and self._former is not None:
                    packet = self._former.unprotect_rtcp(datagram)
                if packet is None:
                    return _UNAUTHENTIC
                self._on_rtcp(packet)
                return _PAYLOAD
            case _:
                return ReceiveResult.UNEXPECTED

    def send_data(self, message: bytes) -> bool:
        """Drop and count a message of a data channel: data has DTLS (RFC 8831)."""
        self._counters.dropped_unsent += 1
        return False

    def _retire(self) -> None:
        self._former = None
