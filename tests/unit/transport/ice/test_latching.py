"""The path to a peer without ICE: hold, silence, moved addresses, checks without credentials."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from aioice import stun

from peer.configuration.candidate_filter import CandidateFilter
from peer.ice import CandidateFields, DefaultDestination
from peer.transport.ice.consent import ConsentState
from peer.transport.ice.latching import MAX_EARLY, AddressedPath, EarlyStrangers, LatchingPath
from peer.transport.ice.timing import IceTiming
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from peer.errors import IceError
    from peer.transport.adapters.ice_socket import Address, IceSocket

PEER, OTHER = ("192.0.2.10", 4000), ("192.0.2.11", 5000)
HOST = CandidateFields("1", 1, "udp", 1, "198.51.100.1", 6000, "host")
GOOD = b"authentic"


@dataclass(frozen=True)
class Local:
    host: str = "198.51.100.1"
    port: int = 6000


@dataclass(eq=False)
class Socket:
    """A socket that writes down what it is told."""

    local_candidate: Local = field(default_factory=Local)
    allowed: list[Address] = field(default_factory=list)
    sent: list[tuple[bytes, Address]] = field(default_factory=list)
    checks: list[tuple[stun.Message, Address]] = field(default_factory=list)
    on_stranger: Any = None
    on_request: Any = None

    def allow_source(self, source: Address) -> None:
        if source not in self.allowed:
            self.allowed.append(source)

    def refuse_source(self, source: Address) -> None:
        if source in self.allowed:
            self.allowed.remove(source)

    def transmit_all(self, datagrams: list[bytes], remote: Address) -> int:
        self.sent += [(each, remote) for each in datagrams]
        return len(datagrams)

    def send_stun(self, message: stun.Message, remote: Address) -> None:
        self.checks.append((message, remote))


@dataclass
class Agent:
    sockets: tuple[Socket, ...]
    path: Any = None
    on_datagram: Any = None


@dataclass
class Counted:
    packets_sent: int = 0
    bytes_sent: int = 0
    packets_unsent: int = 0


class End:
    """A path, and everything that it tells."""

    def __init__(self, filtered: CandidateFilter | None = None) -> None:
        self.socket = Socket()
        self.agent = Agent((self.socket,))
        self.states: list[ConsentState] = []
        self.errors: list[str] = []
        self.strangers: list[tuple[bytes, AddressedPath]] = []
        self.moves = 0
        self.usable = False
        self.path = LatchingPath(
            cast("Any", self.agent),
            cast("Any", Counted()),
            local_candidate=lambda _: HOST,
            remote_filter=filtered or CandidateFilter(),
            receive=lambda data: data == GOOD,
            on_stranger=lambda data, path: self.strangers.append((data, cast("Any", path))),
            events=self,
            timing=IceTiming(),
        )

    def on_usable(self) -> None:
        self.usable = True

    def on_path(self) -> None:
        self.moves += 1

    def on_silence(self, state: ConsentState) -> None:
        self.states.append(state)

    def on_unreachable(self, error: IceError) -> None:
        self.errors.append(str(error))

    def use(self, address: Address = PEER, *, is_client: bool = False) -> bool:
        moved: list[LatchingPath] = []
        taken = self.path.take(
            DefaultDestination(*address), is_client=is_client, on_moved=moved.append
        )
        assert taken
        return bool(moved)

    def from_stranger(self, data: bytes, source: Address) -> AddressedPath:
        self.socket.on_stranger(data, source, cast("IceSocket", self.socket))
        return self.strangers[-1][1]

    def latched(self, source: Address) -> AddressedPath:
        """A stranger whose handshake was completed."""
        path = self.from_stranger(b"\x16", source)
        path.accept()
        path.latch()
        return path

    @property
    def sends_to(self) -> Address | None:
        return None if self.agent.path is None else cast("Address", self.agent.path[1])


async def test_client_sends_to_the_signalled_address_and_hears_it_alone() -> None:
    end = End()
    end.use(is_client=True)
    assert end.sends_to == PEER
    assert end.socket.allowed == [PEER]
    assert end.socket.checks == []


async def test_server_sends_nothing_but_one_check_before_a_client_is_accepted() -> None:
    end = End()
    end.use()
    assert end.sends_to is None
    assert end.socket.allowed == []
    ((message, remote),) = end.socket.checks
    assert remote == PEER
    assert message.attributes == {}
    end.from_stranger(b"\x16", OTHER).accept()
    assert end.sends_to == OTHER


async def test_latched_path_moves_by_a_handshake_only() -> None:
    end = End()
    end.use()
    end.latched(PEER)
    second = end.from_stranger(b"\x16", OTHER)
    second.accept()
    assert end.sends_to == PEER
    assert second.send(b"ServerHello")
    assert end.socket.sent == [(b"ServerHello", OTHER)]
    second.latch()
    assert end.sends_to == OTHER
    assert end.socket.allowed == [OTHER]
    end.path.close()


async def test_stranger_whose_handshake_fails_is_heard_no_more() -> None:
    end = End()
    end.use()
    first = end.latched(PEER)
    second = end.from_stranger(b"\x16", OTHER)
    second.accept()
    second.refuse()
    first.refuse()
    assert end.socket.allowed == [PEER]
    end.path.close()


async def test_address_held_gets_nothing_until_another_is_described() -> None:
    end = End()
    end.use(is_client=True)
    end.use(("0.0.0.0", 4000), is_client=True)
    assert end.sends_to is None
    way = end.path.to_signalled()
    assert way is not None
    assert not way.send(b"x")
    end.use(is_client=True)
    assert end.sends_to == PEER


async def test_moved_address_asks_the_client_for_a_handshake_and_moves_nothing() -> None:
    end = End()
    assert not end.use(is_client=True)
    end.path.on_verified()
    assert end.use(OTHER, is_client=True)
    assert end.sends_to == PEER
    way = end.path.to_signalled()
    assert way is not None
    assert way.remote == OTHER
    way.latch()
    assert end.sends_to == OTHER
    assert end.path.to_signalled() is None
    end.path.close()


async def test_moved_address_makes_the_server_open_its_firewall_there() -> None:
    end = End()
    end.use()
    end.latched(PEER)
    assert not end.use(OTHER)
    assert end.sends_to == PEER
    assert [remote for _, remote in end.socket.checks] == [PEER, OTHER]
    end.path.close()


@in_virtual_time
async def test_silence_is_told_after_15_seconds_and_ends_sending_after_30() -> None:
    end = End()
    end.use(is_client=True)
    end.path.on_verified()
    await asyncio.sleep(16)
    assert end.states == [ConsentState.SILENT]
    await asyncio.sleep(15)
    assert end.states == [ConsentState.SILENT, ConsentState.EXPIRED]
    way = AddressedPath(end.path, cast("IceSocket", end.socket), PEER)
    assert not way.send(b"x")


@pytest.mark.parametrize(
    ("data", "expected"),
    [(GOOD, []), (b"forged", [ConsentState.SILENT, ConsentState.EXPIRED])],
)
@in_virtual_time
async def test_only_what_authenticates_ends_the_silence(
    data: bytes, expected: list[ConsentState]
) -> None:
    end = End()
    end.use(is_client=True)
    end.path.on_verified()
    for _ in range(8):
        await asyncio.sleep(5)
        end.agent.on_datagram(data)
    end.path.close()
    assert end.states == expected


@in_virtual_time
async def test_quiet_peer_is_asked_for_a_sign_of_life() -> None:
    end = End()
    end.use(is_client=True)
    end.path.on_quiet = lambda: end.agent.on_datagram(GOOD)
    end.path.on_verified()
    await asyncio.sleep(100)
    end.path.close()
    assert end.states == []


@in_virtual_time
async def test_peer_that_is_heard_on_its_port_of_rtcp_is_not_silent() -> None:
    end = End()
    end.use(is_client=True)
    end.path.on_verified()
    for _ in range(20):
        await asyncio.sleep(5)
        end.path.on_heard()
    end.path.close()
    assert end.states == []


@in_virtual_time
async def test_time_on_hold_is_no_silence() -> None:
    end = End()
    end.use(is_client=True)
    end.path.on_verified()
    end.use(("0.0.0.0", 4000), is_client=True)
    await asyncio.sleep(100)
    end.use(is_client=True)
    await asyncio.sleep(5)
    end.path.close()
    assert end.states == []


@pytest.mark.parametrize(
    ("source", "size", "answers"), [(OTHER, 20, 0), (OTHER, 44, 1), (PEER, 20, 1)]
)
async def test_check_is_answered_with_no_more_octets_unless_it_is_of_the_signalled_address(
    source: Address, size: int, answers: int
) -> None:
    end = End()
    end.use(is_client=True)
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    end.socket.on_request(request, source, end.socket, size)
    assert len(end.socket.checks) == answers


async def test_answers_larger_than_checks_are_few() -> None:
    end = End()
    end.use(is_client=True)
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    for _ in range(100):
        end.socket.on_request(request, PEER, end.socket, 20)
    assert len(end.socket.checks) == 8


async def test_refused_address_is_an_error_that_names_it() -> None:
    end = End(CandidateFilter.for_servers())
    end.use(("127.0.0.1", 4000), is_client=True)
    assert end.errors == [
        "nothing is sent to 127.0.0.1:4000, where the peer receives: its address is loopback"
    ]
    assert end.sends_to is None


async def test_address_of_another_ip_version_is_an_error() -> None:
    end = End()
    end.use(("2001:db8::1", 4000), is_client=True)
    assert end.errors == [
        "nothing is sent to [2001:db8::1]:4000, where the peer receives: "
        "none of our sockets has its IP version"
    ]


async def test_name_that_leads_nowhere_is_an_error() -> None:
    end = End()
    moved: list[LatchingPath] = []
    name = DefaultDestination("no-such-host.invalid", 4000)
    assert not end.path.take(name, is_client=True, on_moved=moved.append)
    await end.path.look_up(name, is_client=True, on_moved=moved.append)
    assert "no-such-host.invalid:4000" in end.errors[0]


async def test_early_datagrams_are_few_and_handshake_records_only() -> None:
    early = EarlyStrangers()
    for number in range(100):
        early.on_stranger(bytes([22, number]), OTHER, cast("IceSocket", None))
        early.on_stranger(bytes([128, number]), OTHER, cast("IceSocket", None))
    kept = early.pop_all()
    assert [data for data, _, _ in kept] == [bytes([22, n]) for n in range(100 - MAX_EARLY, 100)]
    assert early.pop_all() == []
