"""Subjects of the handshake benchmark: one DTLS handshake in memory by each library."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsParameters

from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState, IceRole, IceTransportState
from peer.transport.interfaces import PacketHandlers
from peer.transport.secure.transport import SecureTransport

if TYPE_CHECKING:
    from peer.errors import DtlsError

#: Seconds after which a handshake in memory counts as broken (ours).
TIMEOUT = 30


class _Handshake:
    """A handshake with certificates made beforehand, as both libraries can reuse them.

    Args:
        clock: Clock in seconds of wall or processor time.
    """

    name: str

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    async def measure(self) -> float:
        """Run one handshake and return the milliseconds of both ends together."""
        start = self._clock()
        async with asyncio.timeout(TIMEOUT):
            finish = await self._shake_hands()
        taken = (self._clock() - start) * 1000
        await finish()
        return taken

    async def _shake_hands(self) -> Callable[[], Awaitable[object]]:
        raise NotImplementedError


class _Link:
    """In-memory link that delivers on the next turn of the event loop, as a socket does."""

    role: IceRole | None = None
    round_trip_time: float | None = None

    def __init__(self) -> None:
        self.receive: Callable[[bytes], object] = lambda datagram: None

    def send(self, datagram: bytes) -> bool:
        asyncio.get_running_loop().call_soon(self.receive, datagram)
        return True

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        return sum(map(self.send, datagrams))


class _Nobody:
    """Implements `SecureEvents` by doing nothing."""

    def on_state(self, state: DtlsTransportState) -> None: ...

    def on_handshake_complete(self) -> None: ...

    def on_keys_switched(self, association: int) -> None: ...

    def on_rekey_completed(self, association: int) -> None: ...

    def on_rekey_failed(self, association: int, reason: str, error: DtlsError | None) -> None: ...

    def on_probe(self) -> None: ...


_NO_PACKETS = PacketHandlers(
    on_rtp=lambda packet, arrival: None, on_rtcp=lambda packet: None, on_data=lambda message: None
)


class Handfast(_Handshake):
    """Handshake of our association, into which datagrams are pushed."""

    name = "handfast"

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._certificates = (Certificate.generate(), Certificate.generate())

    async def _shake_hands(self) -> Callable[[], Awaitable[object]]:
        links = _Link(), _Link()
        client, server = (
            SecureTransport(key="0", certificate=certificate, events=_Nobody())
            for certificate in self._certificates
        )
        client.attach(links[0], _NO_PACKETS)
        server.attach(links[1], _NO_PACKETS)
        links[0].receive, links[1].receive = server.receive, client.receive
        prints = [certificate.fingerprint() for certificate in self._certificates]
        server.connect(0, self._certificates[1], DtlsRole.SERVER, prints[:1])
        client.connect(0, self._certificates[0], DtlsRole.CLIENT, prints[1:])
        for end in (server, client):
            end.on_ice_state(IceTransportState.CONNECTED)
        await asyncio.gather(client.connected(), server.connected())
        return lambda: asyncio.gather(client.close(), server.close())


class _Queue:
    """The part of an RTCIceTransport that aiortc's RTCDtlsTransport uses."""

    role = "controlling"
    state = "completed"

    def __init__(self) -> None:
        self.other: _Queue = self
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()

    async def _recv(self) -> bytes:
        return await self._inbox.get()

    async def _send(self, datagram: bytes) -> None:
        self.other._inbox.put_nowait(datagram)  # noqa: SLF001 - one end to the other


class Aiortc(_Handshake):
    """Handshake of aiortc, which pulls datagrams out of a queue."""

    name = "aiortc"

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._certificates = [RTCCertificate.generateCertificate() for _ in range(2)]

    async def _shake_hands(self) -> Callable[[], Awaitable[object]]:
        queues = _Queue(), _Queue()
        queues[0].other, queues[1].other = queues[1], queues[0]
        ends = [
            RTCDtlsTransport(cast("RTCIceTransport", queue), [certificate])
            for queue, certificate in zip(queues, self._certificates, strict=True)
        ]
        for end, role in zip(ends, DtlsRole, strict=True):
            end._set_role(role.value)  # noqa: SLF001 - as its RTCPeerConnection does
        parameters = [RTCDtlsParameters(c.getFingerprints()) for c in self._certificates]
        await asyncio.gather(ends[1].start(parameters[0]), ends[0].start(parameters[1]))
        return lambda: asyncio.gather(*(end.stop() for end in ends))
