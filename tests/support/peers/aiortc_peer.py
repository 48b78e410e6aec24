"""An unmodified RTCDtlsTransport of aiortc as a peer, over an in-memory path."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters

from peer.identity.fingerprints import Fingerprint

if TYPE_CHECKING:
    from peer.states import DtlsRole
    from tests.support.links.secure import End


class MemoryIce:
    """The part of an RTCIceTransport that aiortc's RTCDtlsTransport uses."""

    def __init__(self, other: End) -> None:
        self.role = "controlling"
        self.state = "completed"
        self._other = other
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        other.link.receive = self._inbox.put_nowait

    async def _recv(self) -> bytes:
        datagram = await self._inbox.get()
        if datagram is None:
            raise ConnectionError
        return datagram

    async def _send(self, datagram: bytes) -> None:
        self._other.secure.receive(datagram)

    def cut(self) -> None:
        """Close the path, which ends aiortc's pull loop."""
        self._inbox.put_nowait(None)


class AiortcPeer:
    """The end of aiortc; `other` is ours."""

    def __init__(self, other: End, role: DtlsRole) -> None:
        self.ice = MemoryIce(other)
        self.data: list[bytes] = []
        self.certificate = RTCCertificate.generateCertificate()
        self.dtls = RTCDtlsTransport(cast("RTCIceTransport", self.ice), [self.certificate])
        self.dtls._set_role(role.value)  # noqa: SLF001 - as its RTCPeerConnection does
        self.dtls._register_data_receiver(self)  # noqa: SLF001 - likewise

    @property
    def fingerprints(self) -> list[Fingerprint]:
        return [
            Fingerprint.parse(f"{f.algorithm} {f.value}")
            for f in self.certificate.getFingerprints()
        ]

    async def start(self, fingerprints: list[Fingerprint]) -> None:
        """Run the handshake to its end."""
        announced = [RTCDtlsFingerprint(f.algorithm, f.value) for f in fingerprints]
        await self.dtls.start(RTCDtlsParameters(fingerprints=announced))

    async def stop(self) -> None:
        """Send close_notify and end the pull loop."""
        await self.dtls.stop()

    async def send_rtp(self, packet: bytes) -> None:
        await self.dtls._send_rtp(packet)  # noqa: SLF001 - as its senders do

    async def send_data(self, message: bytes) -> None:
        await self.dtls._send_data(message)  # noqa: SLF001 - as its SCTP does

    async def _handle_data(self, data: bytes) -> None:
        self.data.append(data)
