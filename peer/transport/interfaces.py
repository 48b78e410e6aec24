"""Protocols between the secure transport and its neighbours: the path below, its owner above."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from peer.errors import DtlsError
    from peer.states import DtlsRole, DtlsTransportState, IceRole
    from peer.times import MonotonicTime, Seconds


class DatagramSender(Protocol):
    """Sends datagrams to the peer at once, or not at all."""

    def send(self, datagram: bytes) -> bool:
        """Send at once, or return False when there is no path at the moment; never raises."""

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        """Send several in their order; return how many were sent, from the first on."""


class DatagramPath(DatagramSender, Protocol):
    """Path to the peer below the secure transport, such as `IceGenerations`."""

    @property
    def role(self) -> IceRole | None:
        """The ICE role, where there is one; for statistics only."""

    @property
    def round_trip_time(self) -> Seconds | None:
        """Round-trip time that checks have measured, in seconds; None where none has."""


class FreshPath(DatagramSender, Protocol):
    """Path of an ICE restart on which a DTLS association begins, as RFC 8842 section 6 has it.

    Everything else stays on the path before until that association has its keys: so no packet of
    the association before comes by this path, unless the path before has broken.
    """

    @property
    def up(self) -> bool:
        """True once a handshake may begin: a check has succeeded here, or there is no other path.

        Then the path is the same as that of everything else.
        """

    def hold(self) -> None:
        """Keep all others on the path before, although this one may be nominated."""

    def release(self) -> None:
        """Let all others follow to this path; without effect where they may already."""


class StrangerPath(DatagramSender, Protocol):
    """Way to the source of a datagram, which nothing has shown to be the peer (no ICE).

    Attributes:
        remote: Address and port of the source.
    """

    remote: tuple[str, int]

    @property
    def is_signalled(self) -> bool:
        """True where the peer's description names this address."""

    def accept(self) -> None:
        """Take datagrams from there: it has shown that it is where it says."""

    def refuse(self) -> None:
        """Take no more datagrams from there, as the handshake came to nothing."""

    def latch(self) -> None:
        """Send all that goes to the peer there: a handshake from there is complete."""


#: Makes the path of an ICE restart; its argument is called once, when the path is up.
MakeFreshPath = Callable[[Callable[[], None]], FreshPath]


#: Makes the path of an association with a peer without ICE, by our role; None for that in use.
MakeOwnPath = Callable[["DtlsRole"], StrangerPath | None]


@dataclass(slots=True)
class PacketHandlers:
    """Receivers of decrypted packets: plain calls on the event loop, in order of arrival.

    The owner of a secure transport makes this value once, and every DTLS association of the
    transport calls its functions directly. They are functions rather than methods of the owner
    because a datagram pays for each call and attribute on its way: nothing lies between an
    association and, for example, `RtpEngine.on_rtp`. The owner may replace one; the next datagram
    goes to it.

    Args:
        on_rtp: Takes one RTP packet and its arrival time, in monotonic seconds.
        on_rtcp: Takes one compound RTCP packet.
        on_data: Takes one DTLS application datagram (an SCTP packet).
    """

    on_rtp: Callable[[bytes, MonotonicTime], None]
    on_rtcp: Callable[[bytes], None]
    on_data: Callable[[bytes], None]


class AssociationEvents(Protocol):
    """Events that one DTLS association, or the secure transport above it, reports."""

    def on_state(self, state: DtlsTransportState) -> None:
        """Report a change of state; on `failed`, the reporter's `error` says why."""

    def on_handshake_complete(self) -> None:
        """Report that keys exist: the peer's certificate is known, but perhaps not verified yet."""


class SecureEvents(AssociationEvents, Protocol):
    """Events that a secure transport reports to its owner.

    A rekey ends in `on_rekey_completed` or `on_rekey_failed`, unless the transport itself ends,
    which its state says, or the owner drops the new association.
    """

    def on_keys_switched(self, association: int) -> None:
        """Report that we send with the keys of this association, which is not the first."""

    def on_rekey_completed(self, association: int) -> None:
        """Report that both directions use the keys of this association; older ones retire."""

    def on_rekey_failed(self, association: int, reason: str, error: DtlsError | None) -> None:
        """Report that this association was given up and the former one stays in use.

        Args:
            association: Number of the association that was given up.
            reason: One sentence for the application.
            error: The failure of the association, or None where it was merely not used.
        """

    def on_probe(self) -> None:
        """Ask for a small packet at once, so that the peer sees the new keys."""
