"""Adapts aiortc's RTCDtlsTransport, to stand for a secure transport towards aiortc's SCTP.

Private names of aiortc that we touch are pinned by version (`pyproject.toml`) and by
`tests/unit/transport/adapters/test_dtls.py`, which fails first after an upgrade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from aiortc.rtcdtlstransport import DataReceiver, RTCDtlsTransport

from peer.states import DtlsTransportState
from peer.transport.adapters.srtp import rtc_certificate

if TYPE_CHECKING:
    from aiortc.rtcicetransport import RTCIceTransport
    from aiortc.rtcsctptransport import RTCSctpTransport

    from peer.identity.certificate import Certificate
    from peer.states import DtlsRole


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

    @property
    def role(self) -> DtlsRole | None:
        """Our role in the DTLS handshake; None before it is known."""

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
        super().__init__(cast("RTCIceTransport", None), [rtc_certificate(certificate)])
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

    @property
    def role(self) -> DtlsRole | None:
        """Our role in the DTLS handshake; None before the answer is known."""
        return self._path.role

    @property
    def _role(self) -> str:
        """Our DTLS role by aiortc's name; SCTP numbers its streams by it (RFC 8832 section 6)."""
        role = self._path.role
        return "auto" if role is None else role.value

    @_role.setter
    def _role(self, role: str) -> None:
        """Ignore what aiortc sets: its role before a handshake, which never runs here."""

    async def _send_data(self, data: bytes) -> None:
        self._path.send_data(data)

    def _register_data_receiver(self, receiver: DataReceiver) -> None:
        self.data_receiver = cast("RTCSctpTransport", receiver)

    def _unregister_data_receiver(self, receiver: DataReceiver) -> None:
        if self.data_receiver is receiver:
            self.data_receiver = None
