"""Two ends of an in-memory transport for RTP, RTCP and data, without DTLS in between."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from peer.identity.certificate import Certificate
from peer.rtp.engine.engine import RtpEngine
from peer.states import DtlsRole, DtlsTransportState
from peer.transport.adapters.dtls import AiortcDtlsTransport

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Wire:
    """Carries the packets of one end in order: `keep` says which arrive, `delay` after how long."""

    keep: Callable[[bytes], bool] = lambda packet: True
    delay: Callable[[bytes], float] = lambda packet: 0.0
    sent: list[bytes] = field(default_factory=list)
    queue: deque[Callable[[], None]] = field(default_factory=deque)
    scheduled: bool = False

    def carry(self, packet: bytes, deliver: Callable[[bytes], None]) -> bool:
        self.sent.append(packet)
        if not self.keep(packet):
            return True
        loop = asyncio.get_running_loop()
        delay = self.delay(packet)
        if delay > 0:
            loop.call_later(delay, deliver, packet)
            return True
        self.queue.append(lambda: deliver(packet))
        if not self.scheduled:
            self.scheduled = True
            loop.call_soon(self._run)
        return True

    def _run(self) -> None:
        self.scheduled = False
        for _ in range(len(self.queue)):
            self.queue.popleft()()


class LinkEnd:
    """One end of a link, in place of a `SecureTransport`, with an RTP engine above it."""

    def __init__(
        self, certificate: Certificate, role: DtlsRole, clock: Callable[[], float]
    ) -> None:
        self.key = role.value
        self.ice: Any = None
        self.closed = False
        self.role = role
        self.state = DtlsTransportState.CONNECTED
        self.engine = RtpEngine(self.send_rtp, self.send_rtcp, clock)
        self.wire = Wire()
        self.on_data: Callable[[bytes], None] = lambda message: None
        self.peer: LinkEnd = self
        self._clock = clock
        self.aiortc_dtls = AiortcDtlsTransport(self, certificate)

    def send_rtp(self, packet: bytes) -> bool:
        peer = self.peer
        return self.wire.carry(packet, lambda data: peer.engine.on_rtp(data, self._clock()))

    def send_rtcp(self, packet: bytes) -> bool:
        return self.wire.carry(packet, self.peer.engine.on_rtcp)

    def send_data(self, message: bytes) -> bool:
        peer = self.peer
        return self.wire.carry(message, lambda data: peer.on_data(data))


def media_link(clock: Callable[[], float] | None = None) -> tuple[LinkEnd, LinkEnd]:
    """Make the two ends of a link, with a clock in seconds."""
    clock = clock or asyncio.get_running_loop().time
    certificate = Certificate.generate()
    left = LinkEnd(certificate, DtlsRole.CLIENT, clock)
    right = LinkEnd(certificate, DtlsRole.SERVER, clock)
    left.peer, right.peer = right, left
    return left, right
