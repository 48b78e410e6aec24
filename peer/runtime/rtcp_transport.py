"""The second transport of an m-section whose peer has RTCP on a port of its own (no rtcp-mux).

It has sockets and a DTLS association of its own (RFC 5764 section 4.1.2: one for RTP, one for
RTCP), with the same certificate. Only peers without ICE are served so: one with ICE has rtcp-mux.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from peer.ice import DefaultDestination, IceParameters, default_candidate
from peer.negotiation.effects import (
    ConnectDtls,
    DropAssociation,
    ExpectKeys,
    Listen,
    SendUnencrypted,
    UseSdesKeys,
)
from peer.states import DtlsRole, DtlsTransportState, IceTransportState
from peer.transport.ice.generations import IceGenerations
from peer.transport.interfaces import PacketHandlers
from peer.transport.secure.transport import SecureTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.errors import DtlsError
    from peer.ice import CandidateFields
    from peer.identity.certificate import CertificateStore
    from peer.negotiation.effects import TransportEffect
    from peer.times import MonotonicTime
    from peer.transport.context import TransportContext
    from peer.transport.ice.latching import AddressedPath, LatchingPath
    from peer.transport.ice.servers import ServerFailure
    from peer.transport.ice.transport import IceEvents, IceGeneration

_logger = logging.getLogger(__name__)


class RtcpTransport:
    """RTCP of one transport, on sockets of its own.

    Args:
        key: Names the transport.
        certificates: The certificates that its associations show.
        make: Makes its `IceGeneration`, whose datagrams go to the secure transport given.
        on_rtcp: Takes a compound RTCP packet.
        on_mismatch: Called where the peer shows another certificate than it signalled.
        context: Security policy, trace and key log.
    """

    def __init__(
        self,
        key: str,
        certificates: CertificateStore,
        *,
        make: Callable[[IceParameters, IceEvents, SecureTransport], IceGeneration],
        on_rtcp: Callable[[bytes], None],
        on_mismatch: Callable[[], None],
        context: TransportContext,
    ) -> None:
        self.key = key
        self._certificates = certificates
        self._on_mismatch = on_mismatch
        self._local = IceParameters.generate()
        self._peer_address: str | None = None
        self.secure = secure = SecureTransport(
            key=key, certificate=certificates.newest, events=self, context=context
        )
        self.ice = IceGenerations(
            self._local,
            make=lambda local, events: make(local, events, secure),
            events=self,
            tap=context.tap,
        )
        secure.attach(
            self.ice,
            PacketHandlers(on_rtp=_no_rtp, on_rtcp=on_rtcp, on_data=_no_data),
        )

    def __repr__(self) -> str:
        return f"<RtcpTransport {self.key} {self.ice.state} dtls={self.secure.state}>"

    @property
    def destination(self) -> DefaultDestination | None:
        """Address and port that we receive RTCP at; None before any candidate is known."""
        candidates, _ = self.ice.gathered(self._local.username_fragment)
        found = default_candidate(candidates, peer_address=self._peer_address)
        return None if found is None else DefaultDestination(found.address, found.port)

    async def open(self) -> None:
        """Bind the sockets on which RTCP comes.

        Raises:
            IceError: No socket could be bound.
        """
        await self.ice.gather()

    def start(self, peer: DefaultDestination, *, is_client: bool, keeps_association: bool) -> None:
        """Use the path to where the peer receives RTCP, or take its new address."""
        self._peer_address = peer.address
        start_path(
            self.ice,
            self.secure,
            self._local.username_fragment,
            peer,
            is_client=is_client,
            keeps_association=keeps_association,
        )

    def apply(self, effect: TransportEffect) -> None:
        """Carry out what concerns the association: the same certificates in the same roles."""
        match effect:
            case Listen():
                certificate = self._certificates[effect.fingerprints]
                self.secure.listen(effect.association, certificate)
            case ConnectDtls():
                self.secure.require_srtp()
                self.secure.connect(
                    effect.association,
                    self._certificates[effect.fingerprints],
                    effect.role,
                    effect.remote_fingerprints,
                    peer_may_keep=effect.peer_may_keep,
                    is_answerer=effect.is_answerer,
                )
            case DropAssociation():
                self.secure.drop(effect.association)
            case SendUnencrypted():
                self.secure.send_unencrypted()
            case UseSdesKeys():
                self.secure.use_sdes_keys(effect.keys)
            case ExpectKeys():
                self.secure.expect_keys(expected=effect.expected)
            case _:
                """The rest is about ICE, and about the port of RTP."""

    async def close(self) -> None:
        """Close the association and the sockets; safe to call twice."""
        await self.secure.close()
        await self.ice.close()

    def on_state(self, state: IceTransportState | DtlsTransportState) -> None:
        """Handle a changed state of the path or of its association."""
        if isinstance(state, IceTransportState):
            self.secure.on_ice_state(state)
            if state is IceTransportState.FAILED:
                _logger.warning("transport %s: no RTCP is sent: %s", self.key, self.ice.error)
        elif state is DtlsTransportState.CONNECTED:
            self.ice.on_verified(latches=self.secure.uses_dtls)
        elif state is DtlsTransportState.FAILED and self.secure.has_mismatch:
            self._on_mismatch()
        elif state is DtlsTransportState.FAILED:
            # Media does without; some peers shake hands on the port of RTP only.
            _logger.warning("transport %s: no RTCP is sent: %s", self.key, self.secure.error)

    def on_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        """Ignore a candidate of ours, which `destination` tells of."""

    def on_server_failure(self, generation: str, failure: ServerFailure) -> None:
        """Ignore a server that fails, as RTP is told of the same one."""

    def on_check(self) -> None:
        """Ignore a check, as a peer without ICE sends none."""

    def on_followed(self, generation: str) -> None:
        """Ignore an ICE restart, which a peer without ICE has not."""

    def on_path(self) -> None:
        """Ignore a check that succeeded, as a peer without ICE answers none."""

    def on_handshake_complete(self) -> None:
        """Wait for the verdict on the certificate of the peer."""

    def on_keys_switched(self, association: int) -> None:
        """Ignore a switch of keys, as the application is told of that of RTP."""

    def on_rekey_completed(self, association: int) -> None:
        """Count the silence of the peer from the new handshake on."""
        self.ice.on_verified(latches=self.secure.uses_dtls)

    def on_rekey_failed(self, association: int, reason: str, error: DtlsError | None) -> None:
        """Ignore a rekey that failed, as the application is told of that of RTP."""

    def on_probe(self) -> None:
        """Send no probe, as the next report confirms the keys as well."""


def start_path(
    ice: IceGenerations,
    secure: SecureTransport,
    generation: str,
    peer: DefaultDestination,
    *,
    is_client: bool,
    keeps_association: bool,
    on_quiet: Callable[[], None] | None = None,
) -> None:
    """Use the path to a peer without ICE, or take the address that it now describes.

    Where DTLS goes on by the descriptions and the address is another one, we begin it anew there as
    client: RFC 5763 section 6.6 has an association belong to its transport parameters, and nothing
    but a handshake may move media (section 6.7.2).
    """
    secure.use_paths_of_their_own(lambda role: _own_path(ice) if role is DtlsRole.CLIENT else None)

    def on_moved(path: LatchingPath) -> None:
        own = path.to_signalled() if keeps_association else None
        if own is not None:
            secure.begin_anew(own)

    ice.start_without_ice(generation, peer, is_client=is_client, on_moved=on_moved)
    if ice.latching is not None:
        ice.latching.on_quiet = on_quiet


def _own_path(ice: IceGenerations) -> AddressedPath | None:
    return None if ice.latching is None else ice.latching.to_signalled()


def _no_rtp(packet: bytes, arrival: MonotonicTime) -> None:
    """Drop RTP, which has a port of its own."""


def _no_data(message: bytes) -> None:
    """Drop application data, which has no place beside RTCP."""
