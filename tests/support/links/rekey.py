"""Two secure transports that rekey under load, over delayed links in virtual time."""

from __future__ import annotations

import asyncio
import functools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peer.identity.certificate import Certificate
from peer.states import DtlsRole
from peer.transport.secure.transport import SecureTransport
from peer.transport.wire.dtls_records import ContentType, first_epoch
from tests.support.links.secure import End, Link, Recorder, connect, joined, rtcp, rtp, until

if TYPE_CHECKING:
    from peer.transport.tap import Tap

#: Virtual seconds.
TIMEOUT = 100.0


@dataclass
class DelayedLink(Link):
    """One direction of a path with delay and jitter.

    Args:
        delay: Mean delay in seconds.
        jitter: Largest deviation from the delay in seconds, by which datagrams overtake each other.
        keeps: Tells the datagrams that are not lost on purpose.
    """

    delay: float = 0.0
    jitter: float = 0.0
    keeps: Callable[[bytes], bool] = lambda _: True
    #: Label of the packet that is being sent, and the labels of the lost ones.
    label: object = None
    lost: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._tick = 0.0

    def send(self, datagram: bytes) -> bool:
        if not self.up:
            return False
        self.wire.append(datagram)
        if self._dice.random() < self.loss or not self.keeps(datagram):
            self.lost.append(self.label)
            return True
        for _ in range(2 if self._dice.random() < self.duplication else 1):
            delay = max(0.0, self.delay + self.jitter * (2 * self._dice.random() - 1))
            loop = asyncio.get_running_loop()
            # Two at the same time would arrive in any order.
            self._tick += 1e-9
            loop.call_later(delay + self._tick, self._arrive, self.tamper(datagram))
        return True

    def send_all(self, datagrams: Sequence[bytes]) -> int:
        return sum(map(self.send, datagrams))

    def _arrive(self, datagram: bytes) -> None:
        self.receive(datagram)


@dataclass
class Flow:
    """Numbered RTP packets and data from one end to the other, lost and doubled ones counted.

    Args:
        period: Seconds between two packets.
        first: First RTP sequence number.
    """

    source: End
    link: DelayedLink
    sink: End
    period: float = 0.001
    first: int = 0
    sent: int = 0
    refused: int = 0
    task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop sending, and wait until everything has arrived."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])
        await asyncio.sleep(1)

    async def _run(self) -> None:
        while True:
            self.send()
            await asyncio.sleep(self.period)

    def send(self) -> None:
        number = self.sent
        self.sent += 1
        packet = rtp((self.first + number) % (1 << 16), number.to_bytes(4))
        self.link.label = number
        self.refused += not self.source.secure.send_rtp(packet)
        self.link.label = ("data", number)
        self.refused += not self.source.secure.send_data(number.to_bytes(4))
        self.link.label = None

    @property
    def account(self) -> tuple[list[int], list[int]]:
        """Numbers of RTP packets that were lost other than by the link, and that arrived twice."""
        return self._account([int.from_bytes(p[12:]) for p in self.sink.events.rtp], lambda n: n)

    @property
    def data_account(self) -> tuple[list[int], list[int]]:
        """Numbers of messages that were lost other than by the link, and that arrived twice."""
        arrived = [int.from_bytes(message) for message in self.sink.events.data]
        return self._account(arrived, lambda n: ("data", n))

    def _account(
        self, arrived: list[int], label: Callable[[int], object]
    ) -> tuple[list[int], list[int]]:
        counts, lost = Counter(arrived), set(self.link.lost)
        missing = [n for n in range(self.sent) if n not in counts and label(n) not in lost]
        return missing, [n for n, count in counts.items() if count > 1]


@dataclass
class Pair:
    """Two connected ends: `client` and `server` of the first association."""

    client: End
    server: End
    there: DelayedLink
    back: DelayedLink
    association: int = 0

    @classmethod
    async def connected(
        cls,
        there: DelayedLink | None = None,
        back: DelayedLink | None = None,
        *,
        handshake_timeout: float = 30.0,
        tap: Tap | None = None,
    ) -> Pair:
        there, back = there or DelayedLink(), back or DelayedLink(seed=1)
        client, server = joined(there, back, handshake_timeout=handshake_timeout, tap=tap)
        for end in (client, server):
            end.events.say = functools.partial(end.secure.send_rtcp, rtcp())
        pair = cls(client, server, there, back)
        await connect(client, server)
        return pair

    def another_client(self) -> End:
        """Replace the client by one that knows nothing of the first association."""
        self.client = self._another(self.there)
        self.back.receive = self.client.secure.receive
        return self.client

    def another_server(self) -> End:
        """Replace the server by one that knows nothing of the first association."""
        self.server = self._another(self.back)
        self.there.receive = self.server.secure.receive
        return self.server

    def _another(self, link: DelayedLink) -> End:
        events, certificate = Recorder(), Certificate.generate()
        secure = SecureTransport(key="0", certificate=certificate, events=events)
        secure.attach(link, events.handlers)
        events.say = functools.partial(secure.send_rtcp, rtcp())
        return End(certificate, events, link, secure)

    @property
    def ends(self) -> tuple[End, End]:
        return self.client, self.server

    def flows(self, *, first: int = 0) -> tuple[Flow, Flow]:
        return (
            Flow(self.client, self.there, self.server, first=first),
            Flow(self.server, self.back, self.client, first=first),
        )

    def offer(self, initiator: End, certificate: Certificate | None = None) -> int:
        """Offer a new association with a new certificate, and listen for its ClientHello."""
        self.association += 1
        initiator.certificate = certificate or Certificate.generate()
        initiator.listen(self.association)
        return self.association

    async def rekey(
        self,
        initiator: End,
        *,
        answer: DtlsRole = DtlsRole.CLIENT,
        signalling: float = 0.0,
    ) -> None:
        """Rekey by offer and answer, and wait until both ends use the new keys both ways."""
        number = self.offer(initiator)
        self.answer(initiator, answer=answer)
        await asyncio.sleep(signalling)
        self.conclude(initiator, answer=answer)
        await self.rekeyed(number)

    def other(self, end: End) -> End:
        return self.server if end is self.client else self.client

    def answer(self, initiator: End, *, answer: DtlsRole = DtlsRole.CLIENT) -> None:
        other = self.other(initiator)
        other.connect(answer, initiator.fingerprints, self.association)

    def conclude(self, initiator: End, *, answer: DtlsRole = DtlsRole.CLIENT) -> None:
        role = DtlsRole.SERVER if answer is DtlsRole.CLIENT else DtlsRole.CLIENT
        initiator.connect(role, self.other(initiator).fingerprints, self.association)

    async def rekeyed(self, number: int, *ends: End) -> None:
        """Wait until these ends, or both, have completed the rekey to an association."""
        ends = ends or self.ends
        async with asyncio.timeout(TIMEOUT):
            await until(
                lambda: all(("rekey completed", number) in end.events.changes for end in ends),
                *(end.events for end in ends),
            )

    async def changed(self, end: End, change: tuple[object, ...]) -> None:
        """Wait until an end has reported an event of a rekey."""
        async with asyncio.timeout(TIMEOUT):
            await until(lambda: change in end.events.changes, end.events)


def is_handshake(datagram: bytes) -> bool:
    """Tell whether a datagram belongs to a handshake: in clear, or the Finished."""
    is_finished = datagram[0] == ContentType.CHANGE_CIPHER_SPEC or (
        datagram[0] == ContentType.HANDSHAKE and first_epoch(datagram) == 1
    )
    return is_finished or (20 <= datagram[0] <= 63 and first_epoch(datagram) == 0)


class LoseFirst:
    """Loses the first `count` datagrams of a kind, as a value for `keeps`."""

    def __init__(self, count: int, kind: Callable[[bytes], bool] = is_handshake) -> None:
        self.left = count
        self.kind = kind

    def __call__(self, datagram: bytes) -> bool:
        if self.left and self.kind(datagram):
            self.left -= 1
            return False
        return True


def is_no_handshake(datagram: bytes) -> bool:
    """Tell whether a datagram belongs to no handshake."""
    return not is_handshake(datagram)


def changes(end: End) -> list[object]:
    """List the reported rekey events of an end, without their numbers."""
    return [change[0] for change in end.events.changes]


async def start_flows(pair: Pair, *, first: int = 0) -> tuple[Flow, Flow]:
    """Send packets both ways, and wait until some have arrived."""
    flows = pair.flows(first=first)
    for flow in flows:
        flow.start()
    await asyncio.sleep(0.05)
    return flows


async def assert_all_arrived(*flows: Flow) -> None:
    """Stop flows, and assert that none but the link lost packets, and that none arrived twice."""
    for flow in flows:
        await flow.stop()
        assert flow.account == ([], [])
        assert flow.data_account == ([], [])
        assert flow.refused == 0
