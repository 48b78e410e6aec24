"""Adapts aiortc's RTCDtlsTransport, to derive SRTP keys and to stand for it towards SCTP.

Private names of aiortc that we touch are pinned by version (`pyproject.toml`) and by
`tests/unit/transport/adapters/test_dtls.py`, which fails first after an upgrade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from aiortc.rtcdtlstransport import (
    SRTP_PROFILES,
    DataReceiver,
    RTCCertificate,
    RTCDtlsTransport,
)

from peer.security_policy import SrtpProfile
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.adapters.srtp import SrtpSession

if TYPE_CHECKING:
    from aiortc.rtcicetransport import RTCIceTransport
    from aiortc.rtcsctptransport import RTCSctpTransport
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from OpenSSL import SSL
    from pylibsrtp import Session

    from peer.identity.certificate import Certificate

#: SRTP profiles that libsrtp has been built with, the strongest first.
AVAILABLE_SRTP_PROFILES = tuple(
    SrtpProfile(profile.openssl_profile.decode()) for profile in SRTP_PROFILES
)


class SrtpKeys(RTCDtlsTransport):
    """SRTP keys of a completed handshake, as aiortc derives them; its pull loop stays unused.

    Args:
        connection: OpenSSL's end of the handshake.
        role: Our role, which says whose key is whose (RFC 5764 section 4.2).
        certificate: Our certificate.

    Attributes:
        inbound: Unprotects packets of the peer; None without a common SRTP profile.
        outbound: Protects our packets; None without a common SRTP profile.
    """

    def __init__(
        self, connection: SSL.Connection, role: DtlsRole, certificate: Certificate
    ) -> None:
        super().__init__(cast("RTCIceTransport", None), [_rtc_certificate(certificate)])
        self._ssl = connection
        self._set_role(role.value)
        self._setup_srtp()
        rx: Session | None = self._rx_srtp
        tx: Session | None = self._tx_srtp
        self.inbound = None if rx is None else SrtpSession(rx)
        self.outbound = None if tx is None else SrtpSession(tx)


class DataPath(Protocol):
    """Secure transport as far as aiortc's SCTP needs it."""

    @property
    def ice(self) -> object:
        """Path to the peer, whose ICE role aiortc may ask for."""

    @property
    def state(self) -> DtlsTransportState:
        """State of the secure transport."""

    @property
    def closed(self) -> bool:
        """True once it was closed by us."""

    def send_data(self, message: bytes) -> bool:
        """Send one SCTP packet; False and counted where that is not possible now."""


class AiortcDtlsTransport(RTCDtlsTransport):
    """Stands for a secure transport where aiortc's SCTP expects an RTCDtlsTransport.

    It sends by the DTLS association that is current in the secure transport, so it outlives each
    of them. A send while there is none is dropped and counted there: a ConnectionError would end
    aiortc's SCTP association for good.

    Args:
        path: The secure transport.
        certificate: Our first certificate.

    Attributes:
        data_receiver: The SCTP transport that has registered, or None.
    """

    def __init__(self, path: DataPath, certificate: Certificate) -> None:
        super().__init__(cast("RTCIceTransport", None), [_rtc_certificate(certificate)])
        self.data_receiver: RTCSctpTransport | None = None
        self._path = path

    @property
    def transport(self) -> RTCIceTransport:
        """The path to the peer, of which aiortc asks the ICE role alone."""
        return cast("RTCIceTransport", self._path.ice)

    @property
    def state(self) -> str:
        """State by aiortc's name; `closed` only when it is we who closed."""
        state = self._path.state
        # aiortc refuses to build on a closed transport, but one that the peer closed may be
        # followed by a new association.
        if state is DtlsTransportState.CLOSED and not self._path.closed:
            return DtlsTransportState.CONNECTING.value
        return state.value

    def adopt_role(self, role: DtlsRole) -> None:
        """Set our DTLS role, by which SCTP numbers its streams (RFC 8832 section 6)."""
        self._set_role(role.value)

    async def _send_data(self, data: bytes) -> None:
        self._path.send_data(data)

    def _register_data_receiver(self, receiver: DataReceiver) -> None:
        self.data_receiver = cast("RTCSctpTransport", receiver)

    def _unregister_data_receiver(self, receiver: DataReceiver) -> None:
        if self.data_receiver is receiver:
            self.data_receiver = None


def _rtc_certificate(certificate: Certificate) -> RTCCertificate:
    return RTCCertificate(
        key=cast("EllipticCurvePrivateKey", certificate.private_key), cert=certificate.certificate
    )
