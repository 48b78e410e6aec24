"""Owns every private name of aiortc and aioice that we touch: an upgrade of either fails here.

The names are pinned by version (`pyproject.toml`) and by `tests/unit/transport/adapters/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

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
    from peer.transport.secure.transport import SecureTransport

# ---- ICE: aioice.Connection and aiortc's RTCIceGatherer and RTCIceTransport
# in ice*.py, aiortc_ice.py and mdns.py

# ---- DTLS: aiortc's RTCDtlsTransport

#: What libsrtp has been built with, the strongest first.
AVAILABLE_SRTP_PROFILES = tuple(
    SrtpProfile(profile.openssl_profile.decode()) for profile in SRTP_PROFILES
)


class SrtpKeys(RTCDtlsTransport):
    """The SRTP keys of a completed handshake, as aiortc derives them; its pull loop stays unused.

    Args:
        connection: OpenSSL's end of the handshake.
        role: Ours in it, which says whose key is whose (RFC 5764 section 4.2).
        certificate: Ours.
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


class TransportFace(RTCDtlsTransport):
    """What aiortc's SCTP takes for an RTCDtlsTransport.

    It stands for a SecureTransport and sends through whichever association is current there, so it
    outlives each of them. A send while there is none is dropped and counted there: a
    ConnectionError would end aiortc's association for good.

    Attributes:
        data_receiver: The SCTP transport that has registered, or None.
    """

    def __init__(self, secure: SecureTransport, certificate: Certificate) -> None:
        super().__init__(cast("RTCIceTransport", secure.ice), [_rtc_certificate(certificate)])
        self.data_receiver: RTCSctpTransport | None = None
        self._secure = secure

    @property
    def state(self) -> str:
        """As aiortc names it; `closed` only when it is we who closed."""
        state: DtlsTransportState = self._secure.state
        # aiortc refuses to build on a closed transport, but one that the peer closed may be
        # followed by a new association.
        if state is DtlsTransportState.CLOSED and not self._secure.closed:
            return DtlsTransportState.CONNECTING.value
        return state.value

    def adopt_role(self, role: DtlsRole) -> None:
        """SCTP numbers its streams by the DTLS role (RFC 8832 section 6)."""
        self._set_role(role.value)

    async def _send_data(self, data: bytes) -> None:
        self._secure.send_data(data)

    def _register_data_receiver(self, receiver: DataReceiver) -> None:
        self.data_receiver = cast("RTCSctpTransport", receiver)

    def _unregister_data_receiver(self, receiver: DataReceiver) -> None:
        if self.data_receiver is receiver:
            self.data_receiver = None


def _rtc_certificate(certificate: Certificate) -> RTCCertificate:
    return RTCCertificate(
        key=cast("EllipticCurvePrivateKey", certificate.private_key), cert=certificate.certificate
    )
