"""Secure transports and DTLS associations for tests, with recorders and in-memory links."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peer.configuration.security_policy import SecurityPolicy
from peer.identity.certificate import Certificate
from peer.states import DtlsRole, DtlsTransportState, IceRole, IceTransportState
from peer.transport.context import TransportContext
from peer.transport.dtls.association import DtlsAssociation
from peer.transport.interfaces import PacketHandlers
from peer.transport.secure.transport import SecureTransport

if TYPE_CHECKING:
    from peer.errors import DtlsError
    from peer.identity.fingerprints import Fingerprint
    from peer.transport.tap import Tap


@dataclass
class Recorder:
    """Records events of a secure transport or an association, packets, and datagrams sent."""

    states: list[DtlsTransportState] = field(default_factory=list)
    rtp: list[bytes] = field(default_factory=list)
    rtcp: list[bytes] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    handshakes: int = 0
    probes: int = 0
    say: Callable[[], object] = lambda: None
    changes: list[tuple[object, ...]] = field(default_factory=list)
    reachable: bool = True
    on_any: Callable[[], None] = lambda: None

    @property
    def handlers(self) -> PacketHandlers:
        return PacketHandlers(self.on_rtp, self.on_rtcp, self.on_data)

    def on_state(self, state: DtlsTransportState) -> None:
        self.states.append(state)
        self.on_any()

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        self.rtp.append(packet)
        self.arrivals.append(arrival)
        self.on_any()

    def on_rtcp(self, packet: bytes) -> None:
        self.rtcp.append(packet)
        self.on_any()

    def on_data(self, message: bytes) -> None:
        self.data.append(message)
        self.on_any()

    def send(self, datagram: bytes) -> bool:
        if self.reachable:
            self.sent.append(datagram)
        return self.reachable

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        return sum(map(self.send, datagrams))

    def on_handshake_complete(self) -> None:
        self.handshakes += 1

    def on_keys_switched(self, association: int) -> None:
        self.changes.append(("keys switched", association))
        self.on_any()

    def on_rekey_completed(self, association: int) -> None:
        self.changes.append(("rekey completed", association))
        self.on_any()

    def on_rekey_failed(self, association: int, reason: str, error: DtlsError | None) -> None:
        self.changes.append(("rekey failed", association, reason))
        self.on_any()

    def on_probe(self) -> None:
        self.probes += 1
        self.say()


@dataclass
class Link:
    """One direction of a path: delivers to `receive` on a later turn of the loop.

    Args:
        loss: Share of datagrams that are lost, from 0 to 1.
        disorder: Share that arrives after its successor.
        duplication: Share that arrives twice.
        seed: Makes the choices for every datagram repeatable.
        tamper: Changes a datagram on its way.
    """

    loss: float = 0.0
    disorder: float = 0.0
    duplication: float = 0.0
    seed: int = 0
    tamper: Callable[[bytes], bytes] = lambda datagram: datagram
    up: bool = True
    role: IceRole | None = None
    round_trip_time: float | None = None
    wire: list[bytes] = field(default_factory=list)
    receive: Callable[[bytes], object] = lambda _: None

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._late: bytes | None = None

    def send(self, datagram: bytes) -> bool:
        if not self.up:
            return False
        self.wire.append(datagram)
        if self._random.random() < self.loss:
            return True
        datagram = self.tamper(datagram)
        if self._late is None and self._random.random() < self.disorder:
            self._late = datagram
            # Even the last datagram of all arrives.
            asyncio.get_running_loop().call_later(0.005, self._deliver_late)
            return True
        copies = 2 if self._random.random() < self.duplication else 1
        for _ in range(copies):
            self._deliver(datagram)
        self._deliver_late()
        return True

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        return sum(map(self.send, datagrams))

    def _deliver(self, datagram: bytes) -> None:
        asyncio.get_running_loop().call_soon(lambda: self.receive(datagram))

    def _deliver_late(self) -> None:
        if self._late is not None:
            self._deliver(self._late)
            self._late = None


@dataclass
class Party:
    """One DTLS association with a record of its events; its datagrams wait in `events.sent`."""

    association: DtlsAssociation
    events: Recorder
    certificate: Certificate

    @classmethod
    def make(
        cls,
        role: DtlsRole,
        certificate: Certificate | None = None,
        *,
        handshake_timeout: float = 30.0,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> Party:
        events = Recorder()
        certificate = certificate or Certificate.generate()
        association = DtlsAssociation(
            certificate=certificate,
            role=role,
            path=events,
            handlers=events.handlers,
            events=events,
            context=TransportContext(
                policy=SecurityPolicy(handshake_timeout=handshake_timeout), clock=clock
            ),
        )
        return cls(association, events, certificate)

    def take(self) -> list[bytes]:
        """Take the datagrams that the association has sent so far."""
        sent, self.events.sent = self.events.sent, []
        return sent

    def verify(self, other: Party) -> None:
        self.association.verify([other.certificate.fingerprint()])


def exchange(first: Party, second: Party) -> None:
    """Carry datagrams both ways until neither party has any."""
    while first.events.sent or second.events.sent:
        for source, sink in ((first, second), (second, first)):
            for datagram in source.take():
                sink.association.receive(datagram)


def shake_hands(client: Party, server: Party) -> None:
    """Run the handshake to its end, and leave verification to the test."""
    server.association.start()
    client.association.start()
    exchange(client, server)


def connected_parties() -> tuple[Party, Party]:
    """Make a client and a server between which packets can flow."""
    client, server = Party.make(DtlsRole.CLIENT), Party.make(DtlsRole.SERVER)
    client.verify(server)
    server.verify(client)
    shake_hands(client, server)
    return client, server


@dataclass
class End:
    """One secure transport of a joined pair, with its recorder and outgoing link."""

    certificate: Certificate
    events: Recorder
    link: Link
    secure: SecureTransport

    @property
    def fingerprints(self) -> list[Fingerprint]:
        return [self.certificate.fingerprint()]

    def listen(self, association: int = 0) -> None:
        self.secure.listen(association, self.certificate)

    def connect(
        self,
        role: DtlsRole,
        fingerprints: Sequence[Fingerprint],
        association: int = 0,
        *,
        peer_may_keep: bool = False,
    ) -> None:
        self.secure.connect(
            association, self.certificate, role, fingerprints, peer_may_keep=peer_may_keep
        )

    def ice(self, state: IceTransportState = IceTransportState.CONNECTED) -> None:
        self.secure.on_ice_state(state)


def joined(
    there: Link | None = None,
    back: Link | None = None,
    *,
    certificates: tuple[Certificate, Certificate] | None = None,
    handshake_timeout: float = 30.0,
    tap: Tap | None = None,
) -> tuple[End, End]:
    """Join two secure transports by links; `tap` is the second one's."""
    links = (there or Link(), back or Link())
    first, second = certificates or (Certificate.generate(), Certificate.generate())
    ends = []
    for link, certificate, told in zip(links, (first, second), (None, tap), strict=True):
        events = Recorder()
        secure = SecureTransport(
            key="0",
            certificate=certificate,
            events=events,
            context=TransportContext(
                policy=SecurityPolicy(handshake_timeout=handshake_timeout), tap=told
            ),
        )
        secure.attach(link, events.handlers)
        ends.append(End(certificate, events, link, secure))
    a, b = ends
    a.link.receive = b.secure.receive
    b.link.receive = a.secure.receive
    return a, b


def start(client: End, server: End) -> None:
    """Connect both ends as after an offer and answer, with the path up on both sides."""
    server.connect(DtlsRole.SERVER, client.fingerprints)
    client.connect(DtlsRole.CLIENT, server.fingerprints)
    server.ice()
    client.ice()


async def connect(client: End, server: End) -> None:
    """Start both ends and wait until packets can flow."""
    start(client, server)
    await asyncio.gather(client.secure.connected(), server.secure.connected())


async def until(condition: Callable[[], bool], *events: Recorder) -> None:
    """Wait for a condition that events of these recorders can make true."""
    change = asyncio.Event()
    for recorder in events:
        recorder.on_any = change.set
    while not condition():
        change.clear()
        await change.wait()
    for recorder in events:
        recorder.on_any = lambda: None


def rtp(sequence: int, payload: bytes = b"payload", ssrc: int = 1234) -> bytes:
    """Write an RTP packet of payload type 96."""
    header = bytes([0x80, 96]) + sequence.to_bytes(2) + bytes(4) + ssrc.to_bytes(4)
    return header + payload


def rtcp(ssrc: int = 1234) -> bytes:
    """Write a receiver report without report blocks."""
    return bytes([0x80, 201, 0, 1]) + ssrc.to_bytes(4)
