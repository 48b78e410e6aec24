"""IceTransports for tests: a recorder of their events, connected pairs, and a STUN server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from aioice import stun

from peer.ice import IceParameters
from peer.states import IceRole, IceTransportState
from peer.transport.ice.timing import IceTiming
from peer.transport.ice.transport import IceGeneration
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from peer.ice import CandidateFields
    from peer.transport.ice.servers import ServerFailure

LOOPBACK = ("127.0.0.1",)
#: A busy machine may take more than 5 s for a handshake with a server.
PATIENT = IceTiming(server_timeout=DEADLINE)


@dataclass
class Recorder:
    """Records the events of an IceGeneration, and lets a test wait for them."""

    candidates: list[CandidateFields | None] = field(default_factory=list)
    failures: list[ServerFailure] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    states: list[IceTransportState] = field(default_factory=list)
    datagrams: list[bytes] = field(default_factory=list)
    paths: int = 0
    checks: int = 0
    forward: Callable[[CandidateFields | None], None] | None = None
    on_news: Callable[[], None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_candidate(self, candidate: CandidateFields | None) -> None:
        self.candidates.append(candidate)
        if self.forward is not None:
            self.forward(candidate)
        self._note()

    def on_candidate_refused(self, candidate: CandidateFields, reason: str) -> None:
        self.refusals.append((candidate.address, reason))
        self._note()

    def on_server_failure(self, failure: ServerFailure) -> None:
        self.failures.append(failure)
        self._note()

    def on_path(self) -> None:
        self.paths += 1
        self._note()

    def on_check(self) -> None:
        self.checks += 1
        self._note()

    def on_state(self, state: IceTransportState) -> None:
        self.states.append(state)
        self._note()

    def on_datagram(self, datagram: bytes) -> None:
        self.datagrams.append(datagram)
        self._note()

    def of_type(self, kind: str) -> list[CandidateFields]:
        """Return the candidates of one type so far."""
        return [c for c in self.candidates if c is not None and c.type == kind]

    async def until(self, condition: Callable[[], bool], timeout: float = DEADLINE) -> None:
        """Wait until an event makes the condition true."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def reached(self, state: IceTransportState, timeout: float = DEADLINE) -> None:
        """Wait until the state has been seen."""
        await self.until(lambda: state in self.states, timeout)

    async def connected(self) -> None:
        """Wait until datagrams can flow."""
        await self.reached(IceTransportState.CONNECTED)

    async def gathered(self) -> None:
        """Wait for the end of gathering."""
        await self.until(lambda: None in self.candidates)

    def _note(self) -> None:
        self._changed.set()
        if self.on_news is not None:
            self.on_news()


class End:
    """An IceGeneration with its recorder."""

    def __init__(self, **options: object) -> None:
        self.seen = Recorder()
        options.setdefault("interfaces", LOOPBACK)
        options.setdefault("timing", PATIENT)
        self.ice = IceGeneration(
            local=IceParameters.generate(),
            events=self.seen,
            on_datagram=self.seen.on_datagram,
            **options,  # type: ignore[arg-type]  # each test names the options of IceGeneration
        )


@asynccontextmanager
async def two_ends(**options: object) -> AsyncIterator[tuple[End, End]]:
    """Two transports whose candidates reach each other; neither has begun to gather."""
    left, right = End(**options), End(**options)
    left.seen.forward = right.ice.add_remote_candidate
    right.seen.forward = left.ice.add_remote_candidate
    try:
        yield left, right
    finally:
        await left.ice.close()
        await right.ice.close()


def start(left: End, right: End) -> None:
    """Start both; the left one controls."""
    left.ice.start(right.ice.local, IceRole.CONTROLLING)
    right.ice.start(left.ice.local, IceRole.CONTROLLED)


@asynccontextmanager
async def connected_ends(**options: object) -> AsyncIterator[tuple[End, End]]:
    """Two transports with a path between them."""
    async with two_ends(**options) as (left, right):
        await left.ice.gather()
        await right.ice.gather()
        start(left, right)
        await left.seen.connected()
        await right.seen.connected()
        yield left, right


class StunServer(asyncio.DatagramProtocol):
    """Answers binding requests with an address of the test's choice, or not at all."""

    transport: asyncio.DatagramTransport

    def __init__(self, mapped: tuple[str, int] | None) -> None:
        self.mapped = mapped
        self.withholds = False
        #: Addresses whose requests are not answered.
        self.ignores: set[str] = set()
        self.requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.requests += 1
        if self.mapped is None or addr[0] in self.ignores:
            return
        request = stun.parse_message(data)
        response = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=request.transaction_id,
        )
        if not self.withholds:
            response.attributes["XOR-MAPPED-ADDRESS"] = self.mapped
        self.transport.sendto(bytes(response), addr)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.transport.get_extra_info("sockname")
        return f"stun:{host}:{port}"


@asynccontextmanager
async def stun_server(mapped: tuple[str, int] | None, port: int = 0) -> AsyncIterator[StunServer]:
    """A STUN server on loopback; silent where `mapped` is None."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: StunServer(mapped), local_addr=("127.0.0.1", port)
    )
    try:
        yield server
    finally:
        transport.close()
