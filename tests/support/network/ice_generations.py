"""ICE generations for tests of restarts: scripted ones, and a recorder of their events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peer.errors import IceError
from peer.ice import CandidateFields, IceParameters
from peer.states import IceGatheringState, IceRole, IceTransportState
from peer.transport.ice.datagrams import IceCounters, IceDatagrams
from peer.transport.ice.generations import IceGenerations
from peer.transport.ice.transport import IceGeneration

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.transport.ice.servers import ServerFailure
    from peer.transport.ice.timing import IceTiming
    from peer.transport.ice.transport import IceEvents
    from peer.transport.tap import Tap

CONNECTED, FAILED = IceTransportState.CONNECTED, IceTransportState.FAILED


def parameters(name: str) -> IceParameters:
    """Make credentials with a name that a test can read."""
    return IceParameters(name * 4, name * 22)


def candidate(port: int) -> CandidateFields:
    """Make a candidate that a test can tell from others by its port."""
    return CandidateFields("1", 1, "udp", 1, "192.0.2.1", port, "host")


class ScriptedDatagrams(IceDatagrams):
    """Keeps what is sent; has a path and arriving datagrams as the test says."""

    def __init__(self, on_datagram: Callable[[bytes], None]) -> None:
        # Neither agent nor sockets: every method is the test's.
        self.counters = IceCounters()
        self.sent: list[bytes] = []
        #: What the kernel holds.
        self.arriving: list[bytes] = []
        self.is_reachable = False
        self._on_datagram = on_datagram

    @property
    def has_path(self) -> bool:
        """As the test says, by `is_reachable`."""
        return self.is_reachable

    def send(self, datagram: bytes) -> bool:
        if self.is_reachable:
            self.sent.append(datagram)
            self.counters.packets_sent += 1
        return self.is_reachable

    def drain(self) -> None:
        for datagram in self.arriving:
            self.receive(datagram)

    def receive(self, datagram: bytes) -> None:
        """Let a datagram of the peer come."""
        self.counters.packets_received += 1
        self._on_datagram(datagram)


class ScriptedIce(IceGeneration):
    """A generation without sockets, whose fate is the test's to say."""

    datagrams: ScriptedDatagrams

    def __init__(
        self, local: IceParameters, events: IceEvents, on_datagram: Callable[[bytes], None]
    ) -> None:
        super().__init__(local=local, events=events, on_datagram=on_datagram)
        self.datagrams = ScriptedDatagrams(on_datagram)
        self.events = events
        self.started: tuple[IceParameters, IceRole] | None = None
        self.added: list[CandidateFields | None] = []
        self.closes = 0
        self.refusal: BaseException | None = None
        self.is_nominated = False
        self.own_role: IceRole | None = None
        self.found: list[CandidateFields] = []

    @property
    def nominated(self) -> bool:
        return self.is_nominated

    @property
    def role(self) -> IceRole | None:
        return self.own_role

    @property
    def counters(self) -> IceCounters:
        return self.datagrams.counters

    @property
    def is_heard(self) -> bool:
        return self.counters.packets_unvalidated + self.counters.packets_received > 0

    @property
    def local_candidates(self) -> tuple[CandidateFields, ...]:
        return tuple(self.found)

    @property
    def selected_pair(self) -> tuple[CandidateFields, CandidateFields] | None:
        port = ord(self.local.username_fragment[0])
        return (candidate(port), candidate(port)) if self.datagrams.is_reachable else None

    async def gather(self) -> None:
        self.gathering_state = IceGatheringState.GATHERING
        if self.refusal is not None:
            raise self.refusal
        self.find(candidate(1))

    def start(self, remote: IceParameters, role: IceRole, *, is_answerer: bool = False) -> None:
        self.started, self.own_role = (remote, role), role
        self.become(IceTransportState.CHECKING)

    def add_remote_candidate(self, candidate: CandidateFields | None) -> None:
        self.added.append(candidate)

    async def close(self) -> None:
        self.closes += 1
        self.datagrams.is_reachable = False
        self.become(IceTransportState.CLOSED)

    # What a test does

    def find(self, found: CandidateFields | None) -> None:
        """Gather a candidate, or no more."""
        if found is None:
            self.gathering_state = IceGatheringState.COMPLETE
        else:
            self.found.append(found)
        self.events.on_candidate(found)

    def become(self, state: IceTransportState) -> None:
        """Change the state."""
        if state is not self.state:
            self.state = state
            self.events.on_state(state)

    def connect(self) -> None:
        """Find a valid pair, which is not nominated."""
        self.datagrams.is_reachable = True
        self.events.on_path()
        self.become(CONNECTED)

    def nominate(self) -> None:
        """Nominate it."""
        self.datagrams.is_reachable = self.is_nominated = True
        self.events.on_path()
        self.become(CONNECTED)

    def fail(self, reason: str = "as told") -> None:
        """Have no path any more."""
        self.datagrams.is_reachable = False
        self.error = IceError(reason)
        self.become(FAILED)


@dataclass
class RecordedEvents:
    """An `IceGenerationsEvents` that records everything, datagrams as well."""

    candidates: list[tuple[str, CandidateFields | None]] = field(default_factory=list)
    failures: list[tuple[str, ServerFailure]] = field(default_factory=list)
    states: list[IceTransportState] = field(default_factory=list)
    datagrams: list[bytes] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    checks: int = 0

    def on_candidate(self, generation: str, candidate: CandidateFields | None) -> None:
        self.candidates.append((generation, candidate))

    def on_server_failure(self, generation: str, failure: ServerFailure) -> None:
        self.failures.append((generation, failure))

    def on_check(self) -> None:
        self.checks += 1

    def on_state(self, state: IceTransportState) -> None:
        self.states.append(state)

    def on_datagram(self, datagram: bytes) -> None:
        self.datagrams.append(datagram)

    def on_followed(self, generation: str) -> None:
        self.followed.append(generation)

    def on_path(self) -> None:
        """Pass over a successful check, of which the states tell."""


class Scripted:
    """IceGenerations of `ScriptedIce`, each under its letter; `a` is the first."""

    def __init__(self, *, timing: IceTiming | None = None, tap: Tap | None = None) -> None:
        self.events = RecordedEvents()
        self.made: dict[str, ScriptedIce] = {}
        self.refusal: BaseException | None = None
        self.ice = IceGenerations(
            parameters("a"), make=self._make, events=self.events, timing=timing, tap=tap
        )

    def __getitem__(self, name: str) -> ScriptedIce:
        return self.made[name]

    def _make(self, local: IceParameters, events: IceEvents) -> ScriptedIce:
        made = ScriptedIce(local, events, self.events.on_datagram)
        made.refusal = self.refusal
        self.made[local.username_fragment[0]] = made
        return made

    @property
    def active(self) -> str:
        """Letter of the active generation."""
        return self.ice.local.username_fragment[0]

    def start(self, name: str, role: IceRole = IceRole.CONTROLLING) -> None:
        """Start the generation of this letter."""
        self.ice.start(name * 4, parameters(name.upper()), role)

    async def connected(self) -> None:
        """Bring the first generation up."""
        await self.ice.gather()
        self.start("a")
        self["a"].nominate()

    async def restarting(self, name: str = "b") -> ScriptedIce:
        """Start another generation."""
        await self.ice.open(parameters(name))
        self.start(name)
        return self[name]
