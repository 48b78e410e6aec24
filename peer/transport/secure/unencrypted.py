"""RTP and RTCP in clear over one path, in the place of a DTLS association (RFC 8643)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from peer.states import DtlsTransportState
from peer.transport.dtls.counters import ReceiveResult
from peer.transport.dtls.record_filter import parse_client_hello
from peer.transport.wire.demux import DatagramClass, classify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.errors import DtlsError
    from peer.times import MonotonicTime
    from peer.transport.dtls.counters import Counters
    from peer.transport.interfaces import DatagramSender, PacketHandlers

#: DTLS datagrams of the peer that are kept for a handshake that the answer asks for (ours): more
#: than a ClientHello in fragments.
_MAX_EARLY_HANDSHAKE: Final = 4

# Looked up for every packet, and an Enum takes its time.
_PAYLOAD = ReceiveResult.PAYLOAD


class UnencryptedMedia:
    """Sends and takes plain RTP and RTCP: nobody and nothing is verified.

    It is a `PacketSender`, and takes the datagrams of the path as a `DtlsAssociation` does.

    Args:
        path: Carries the datagrams.
        handlers: Take the packets.
        counters: Counts what was sent, and what could not be.
        clock: Gives the arrival time of packets.
        on_unexpected_keys: Called where the peer begins a handshake though none is expected.

    Attributes:
        is_up: Whether there was a path to the peer; the owner sets it, like the next.
        error: Why media ends, or None: nothing is taken then.
        early_handshake: The last DTLS datagrams of the peer, where a handshake is expected: its
            ClientHello may overtake the answer that agrees on keys.
    """

    def __init__(
        self,
        path: DatagramSender,
        handlers: PacketHandlers,
        counters: Counters,
        clock: Callable[[], MonotonicTime],
        on_unexpected_keys: Callable[[], None],
    ) -> None:
        self.is_up = False
        self.error: DtlsError | None = None
        self.early_handshake: deque[bytes] = deque(maxlen=_MAX_EARLY_HANDSHAKE)
        self._send = path.send
        self._send_all = path.send_all
        self._on_rtp = handlers.on_rtp
        self._on_rtcp = handlers.on_rtcp
        self._counters = counters
        self._clock = clock
        self._keys_expected = False
        self._on_unexpected_keys = on_unexpected_keys

    def __repr__(self) -> str:
        return f"<UnencryptedMedia {'up' if self.is_up else 'waits for a path'}>"

    @property
    def state(self) -> DtlsTransportState:
        """State in the place of that of DTLS: `connected` once there was a path."""
        if self.error is not None:
            return DtlsTransportState.FAILED
        return DtlsTransportState.CONNECTED if self.is_up else DtlsTransportState.NEW

    def expect_keys(self, *, expected: bool) -> None:
        """Note whether the peer may begin a handshake."""
        self._keys_expected = expected
        self.early_handshake.clear()

    def receive(self, datagram: bytes) -> ReceiveResult:
        """Take one datagram from the path; never raises."""
        if self.error is not None:
            return ReceiveResult.UNEXPECTED
        match classify(datagram):
            case DatagramClass.RTP:
                self._on_rtp(datagram, self._clock())
                return _PAYLOAD
            case DatagramClass.RTCP:
                self._on_rtcp(datagram)
                return _PAYLOAD
            case DatagramClass.DTLS if not self._keys_expected:
                if parse_client_hello(datagram) is not None:
                    self._on_unexpected_keys()
                return ReceiveResult.UNEXPECTED
            case DatagramClass.DTLS:
                self.early_handshake.append(datagram)
                return ReceiveResult.BUFFERED
            case _:
                return ReceiveResult.UNEXPECTED

    def send_rtp(self, packet: bytes) -> bool:
        """Send an RTP packet; False and counted where that is not possible now."""
        counters = self._counters
        if not self._send(packet):
            counters.dropped_unsent += 1
            return False
        counters.packets_sent += 1
        counters.bytes_sent += len(packet)
        return True

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        """Send several RTP packets in their order; return how many were sent."""
        sent = self._send_all(packets)
        counters = self._counters
        counters.dropped_unsent += len(packets) - sent
        counters.packets_sent += sent
        counters.bytes_sent += sum(map(len, packets[:sent]))
        return sent

    def send_rtcp(self, packet: bytes) -> bool:
        """Send an RTCP packet; False and counted where that is not possible now."""
        return self.send_rtp(packet)

    def send_data(self, message: bytes) -> bool:
        """Drop and count a message of a data channel: data is always encrypted (RFC 8831)."""
        self._counters.dropped_unsent += 1
        return False
