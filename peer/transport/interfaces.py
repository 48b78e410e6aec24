"""Owns what the secure transport asks of its neighbours: the path below, the receivers above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.errors import DtlsError
    from peer.states import DtlsTransportState, IceRole


class DatagramPath(Protocol):
    """What carries datagrams to the peer; an `IceTransport` is one."""

    @property
    def role(self) -> IceRole | None:
        """The ICE role, where there is one; for statistics only."""

    def send(self, datagram: bytes) -> bool:
        """Send at once, or return False when there is no path at the moment; never raises."""

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        """The same for several in their order; returns how many were sent, from the first on."""


class PayloadEvents(Protocol):
    """Where decrypted packets go, in order, each by a plain call on the event loop."""

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        """A decrypted RTP packet of the verified peer; `arrival` in seconds of `time.monotonic`."""

    def on_rtcp(self, packet: bytes) -> None:
        """A decrypted compound RTCP packet of the verified peer."""

    def on_data(self, message: bytes) -> None:
        """One DTLS application datagram (an SCTP packet) of the verified peer."""


class HandshakeEvents(PayloadEvents, Protocol):
    """What a secure transport and an association have to tell alike."""

    def on_state(self, state: DtlsTransportState) -> None:
        """The state has changed; on `failed`, the `error` says why."""

    def on_handshake_complete(self) -> None:
        """The keys are there; the peer's certificate is known, though perhaps not yet verified."""


class SecureEvents(HandshakeEvents, Protocol):
    """What a secure transport tells its owner.

    An association that follows another ends in `on_replaced` or in `on_kept`, unless the transport
    itself ends, which its state says, or the owner drops it.
    """

    def on_switched(self, association: int) -> None:
        """We send with the keys of this association, which is not the first."""

    def on_replaced(self, association: int) -> None:
        """Both directions use the keys of this association; the former ones retire."""

    def on_kept(self, association: int, reason: str, error: DtlsError | None) -> None:
        """This association was given up, and the former one goes on; `error` where it failed."""

    def on_probe(self) -> None:
        """Say something small now, so that the peer sees the new keys."""


class AssociationEvents(HandshakeEvents, Protocol):
    """What one association tells the secure transport that holds it."""

    def on_transmit(self, datagram: bytes) -> bool:
        """A datagram for the peer, DTLS or SRTP; returns whether it could be sent."""

    def on_transmit_all(self, datagrams: Sequence[bytes]) -> int:
        """Several in their order; returns how many could be sent, from the first on."""
