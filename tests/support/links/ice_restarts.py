"""Two real IceGenerations on loopback that restart ICE, and a load that counts what arrives."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from peer.ice import IceParameters
from peer.states import IceRole, IceTransportState
from peer.transport.ice.generations import IceGenerations
from peer.transport.ice.transport import IceGeneration
from tests.support.clock.deadline import DEADLINE
from tests.support.network.ice import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from peer.ice import CandidateFields
    from peer.transport.ice.servers import ServerFailure
    from peer.transport.ice.timing import IceTiming
    from peer.transport.ice.transport import IceEvents

UP = (IceTransportState.CONNECTED, IceTransportState.COMPLETED)
#: Seconds between two datagrams of a load.
PACE = 0.001
#: Datagrams that are made up for in one go: far less than a socket's buffer holds.
BURST = 50


class Side:
    """IceGenerations of one side, with its events."""

    def __init__(self, role: IceRole, timing: IceTiming | None, port: int | None = None) -> None:
        self.role = role
        self.states: list[IceTransportState] = []
        self.datagrams: list[bytes] = []
        self.made: dict[str, IceGeneration] = {}
        #: Where a candidate of ours goes, by the generation that it belongs to.
        self.trickle: dict[str, Callable[[CandidateFields | None], None]] = {}
        self._timing = timing
        self._port = port
        self._changed = asyncio.Event()
        self.ice = IceGenerations(
            IceParameters.generate(), make=self._make, events=self, timing=timing
        )

    def _make(self, local: IceParameters, events: IceEvents) -> IceGeneration:
        made = IceGeneration(
            local=local,
            interfaces=LOOPBACK,
            ports=self._port,
            events=events,
            on_datagram=self.on_datagram,
            timing=self._timing,
        )
        self.made[local.username_fragment] = made
        return made

    def on_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        if generation in self.trickle:
            self.trickle[generation](candidate)

    def on_server_failure(self, generation: str, failure: ServerFailure) -> None:
        """Pass over a server that does not serve: these ends have none."""

    def on_followed(self, generation: str) -> None:
        """Pass over a restart that is followed unsaid: these ends answer with new credentials."""

    def on_path(self) -> None:
        """Pass over a successful check, as nobody waits for a nomination."""

    def on_check(self) -> None:
        """Pass over a check of the peer: both ends have their descriptions at once."""

    def on_state(self, state: IceTransportState) -> None:
        self.states.append(state)
        self._changed.set()

    def on_datagram(self, datagram: bytes) -> None:
        self.datagrams.append(datagram)
        self._changed.set()

    @property
    def active(self) -> str:
        """Username fragment of the active generation."""
        return self.ice.local.username_fragment

    def exchange(self, local: IceParameters, remote: IceParameters, peer: Side) -> None:
        """Exchange descriptions: candidates of this generation go to the peer from now on."""

        def tell(candidate: CandidateFields | None) -> None:
            peer.ice.add_remote_candidate(remote.username_fragment, candidate)

        self.trickle[local.username_fragment] = tell
        candidates, complete = self.ice.gathered(local.username_fragment)
        for each in candidates:
            tell(each)
        if complete:
            tell(None)

    def start(self, local: IceParameters, remote: IceParameters) -> None:
        self.ice.start(local.username_fragment, remote, self.role)

    async def up(self) -> None:
        """Wait until there is a path."""
        await self.until(lambda: self.ice.state in UP)

    async def until_active(self, local: IceParameters) -> None:
        """Wait until the generation of these credentials is active."""
        await self.until(lambda: self.active == local.username_fragment)

    async def received(self, count: int, timeout: float = DEADLINE) -> None:
        """Wait until so many datagrams have been received."""
        await self.until(lambda: len(self.datagrams) >= count, timeout)

    async def ended(self, ice: IceGeneration, state: IceTransportState) -> None:
        """Wait, while datagrams come, until one generation is in this state."""
        await self.until(lambda: ice.state is state)

    async def until(self, condition: Callable[[], bool], timeout: float = DEADLINE) -> None:
        """Wait until an event makes the condition true."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


Pair = tuple[Side, Side]
Ports = tuple[int | None, int | None]


@asynccontextmanager
async def two_sides(
    timing: IceTiming | None = None, ports: Ports = (None, None)
) -> AsyncIterator[Pair]:
    """Two transports that have gathered; the left one controls, `ports` are for one_port."""
    left = Side(IceRole.CONTROLLING, timing, ports[0])
    right = Side(IceRole.CONTROLLED, timing, ports[1])
    try:
        await left.ice.gather()
        await right.ice.gather()
        yield left, right
    finally:
        await left.ice.close()
        await right.ice.close()


@asynccontextmanager
async def connected_sides(
    timing: IceTiming | None = None, ports: Ports = (None, None)
) -> AsyncIterator[Pair]:
    """Two transports with a path between them."""
    async with two_sides(timing, ports) as (left, right):
        agree((left, right), (left.ice.local, right.ice.local))
        await left.up()
        await right.up()
        yield left, right


Credentials = tuple[IceParameters, IceParameters]


async def opened(pair: Pair) -> Credentials:
    """Each prepares a restart."""
    fresh = IceParameters.generate(), IceParameters.generate()
    for side, local in zip(pair, fresh, strict=True):
        await side.ice.open(local)
    return fresh


def agree(pair: Pair, credentials: Credentials, *, first: int = 1) -> None:
    """Both learn of the other's credentials, `first` that side which gives the answer."""
    for index in (first, 1 - first):
        side, peer = pair[index], pair[1 - index]
        local, remote = credentials[index], credentials[1 - index]
        side.exchange(local, remote, peer)
        side.start(local, remote)


async def until_both_active(pair: Pair, credentials: Credentials) -> None:
    """Wait until the generations of these credentials are active."""
    for side, local in zip(pair, credentials, strict=True):
        await side.until_active(local)


async def begin(pair: Pair, *, first: int = 1) -> Credentials:
    """Restart ICE as far as the checks."""
    credentials = await opened(pair)
    agree(pair, credentials, first=first)
    return credentials


async def restart(pair: Pair, *, first: int = 1) -> Credentials:
    """Restart ICE, and wait until data takes the new pairs."""
    credentials = await begin(pair, first=first)
    await until_both_active(pair, credentials)
    return credentials


class Load:
    """Numbered datagrams, a thousand in a second each way."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.sent = 0
        self.refused = 0

    async def run(self) -> None:
        """Send until cancelled; what was late is made up for."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            for _ in range(BURST):
                if due > loop.time():
                    break
                number = self.sent.to_bytes(4)
                self.sent += 1
                self.refused += sum(not side.ice.send(b"\x80" + number) for side in self._pair)
                due += PACE
            # Where more is due, what was sent is read first.
            await asyncio.sleep(max(0.001, due - loop.time()))

    async def more(self, count: int) -> None:
        """Wait until both have received that many more."""
        for side in self._pair:
            await side.received(len(side.datagrams) + count)


@asynccontextmanager
async def under_load(pair: Pair) -> AsyncIterator[Load]:
    """Check that of what both send meanwhile nothing is lost or doubled."""
    load = Load(pair)
    for side in pair:
        side.datagrams.clear()
    sending = asyncio.create_task(load.run())
    try:
        yield load
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
    for side in pair:
        with suppress(TimeoutError):
            await side.received(load.sent)
        received = Counter(int.from_bytes(each[1:]) for each in side.datagrams)
        assert [n for n in range(load.sent) if n not in received] == [], "lost"
        assert [n for n, times in received.items() if times > 1] == [], "doubled"
    assert load.refused == 0
