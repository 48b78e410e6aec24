"""Socket of an ICE agent: STUN told from data, and data of validated sources only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioice import Connection, stun

from peer.transport.adapters.embedded_attributes import ChecksWithDtls
from peer.transport.adapters.ice_socket import MAX_SOURCES, Address, IceSocket
from peer.transport.adapters.pair_counters import PairCounters

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioice.ice import StunProtocol

PEER, STRANGER = ("192.0.2.1", 5000), ("192.0.2.2", 5000)
DATA = b"\x80data"


class Owner:
    """A `SocketOwner` that writes everything down."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self.requests: list[Address] = []
        self.on_datagram: Callable[[bytes], object] = self.datagrams.append
        self.packets_received = self.bytes_received = 0
        self.unvalidated = 0
        self.malformed = 0
        self.oversized = 0
        self.checks_refused = 0
        agent = Connection(ice_controlling=True)
        self.with_dtls = ChecksWithDtls(agent, None, self.on_datagram)
        self.pair_counters = PairCounters()

    def request_received(
        self, message: stun.Message, addr: Address, protocol: StunProtocol
    ) -> None:
        self.requests.append(addr)

    def protocol_lost(self, protocol: StunProtocol) -> None:
        raise AssertionError("nothing closes the socket")


async def test_ice_socket_passes_data_of_allowed_sources_only() -> None:
    owner = Owner()
    socket = IceSocket(owner)
    socket.on_udp(DATA, PEER)
    socket.allow_source(PEER)
    socket.on_udp(DATA, PEER)
    socket.on_udp(b"\x80other", STRANGER)
    assert (owner.datagrams, owner.unvalidated) == ([DATA], 2)
    assert (owner.packets_received, owner.bytes_received) == (1, len(DATA))


async def test_ice_socket_takes_ipv6_address_without_flow_and_scope() -> None:
    owner = Owner()
    socket = IceSocket(owner)
    socket.allow_source(("2001:db8::1", 5000))
    socket.on_udp(DATA, ("2001:db8::1", 5000, 0, 3))
    assert owner.datagrams == [DATA]


async def test_ice_socket_passes_stun_request_of_any_source_to_the_agent() -> None:
    owner = Owner()
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    IceSocket(owner).on_udp(bytes(request), STRANGER)
    assert owner.requests == [STRANGER]


async def test_ice_socket_counts_malformed_stun() -> None:
    owner = Owner()
    IceSocket(owner).on_udp(b"\x00", PEER)
    assert owner.malformed == 1


async def test_ice_socket_forgets_source_whose_check_is_oldest() -> None:
    owner = Owner()
    socket = IceSocket(owner)
    for port in range(MAX_SOURCES):
        socket.allow_source(("192.0.2.1", port))
    socket.allow_source(("192.0.2.1", 0))
    socket.allow_source(("192.0.2.1", MAX_SOURCES))
    for port in (0, 1, 2):
        socket.on_udp(bytes([128, port]), ("192.0.2.1", port))
    assert owner.datagrams == [b"\x80\x00", b"\x80\x02"]


async def test_repr_of_unbound_ice_socket() -> None:
    assert repr(IceSocket(Owner())) == "<IceSocket without a candidate>"
