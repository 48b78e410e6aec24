"""All connections of a process on one UDP port: media, restarts, neighbours, refusals, the end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from peer import BundlePolicy, OnePortError, PeerConfiguration, PeerConnection
from peer.configuration import IceServer
from peer.configuration.announced_addresses import AddressTranslation
from peer.states import IceTransportState
from peer.transport.ice.timing import IceTiming
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.ice_restarts import connected_sides, restart, under_load
from tests.support.negotiation.connection_state import nothing_left, refused, sockets
from tests.support.negotiation.connections import (
    answer,
    both_connected,
    connect,
    exchange,
    expected,
    local,
    loopback,
    opened,
    says,
    unbundled,
    within,
)
from tests.support.network.free_ports import free_port, ports
from tests.support.network.ice import start, stun_server, two_ends
from tests.support.network.scripted_ice_peer import scripted_ice_peer

if TYPE_CHECKING:
    from peer import DataChannel

DATA = b"\x16data"
CONNECTIONS = 10


class Client:
    """A connection of ours on the shared port, its peer, and a channel between them."""

    ours: PeerConnection
    theirs: PeerConnection
    channel: DataChannel
    theirs_channel: DataChannel


@asynccontextmanager
async def served(
    configuration: PeerConfiguration, count: int, *, peers: PeerConfiguration | None = None
) -> AsyncIterator[list[Client]]:
    """Connections on one port, each offered to by a peer with ports of its own."""
    async with AsyncExitStack() as stack:
        clients = [Client() for _ in range(count)]
        for client in clients:
            client.ours = await stack.enter_async_context(PeerConnection(configuration))
            client.theirs = await stack.enter_async_context(PeerConnection(peers or loopback()))
            coming = expected(client.ours, "datachannel")
            client.theirs_channel = client.theirs.createDataChannel("chat")
            await connect(client.theirs, client.ours)
            client.channel = (await within(coming)).channel
            await opened(client.theirs_channel)
        yield clients


async def all_say(clients: list[Client]) -> None:
    """Check that each connection hears its own peer, and no other."""
    for number, each in enumerate(clients):
        await says(each.theirs_channel, f"to {number}", each.channel)
        await says(each.channel, f"from {number}", each.theirs_channel)


async def test_ten_connections_share_one_port_through_rekeys_and_ice_restarts() -> None:
    port = free_port()
    before = len(sockets())
    async with nothing_left(), served(loopback(one_port=port), CONNECTIONS) as clients:
        assert [ports(each.ours) for each in clients] == [{port}] * CONNECTIONS
        # One of ours, and one of each peer.
        assert len(sockets()) - before == 1 + CONNECTIONS
        await all_say(clients)
        by_us, by_peer, rekeyed, rekeyed_by_peer, closed, *_ = clients
        by_us.ours.restartIce()
        await exchange(by_us.ours, by_us.theirs)
        by_peer.theirs.restartIce()
        await exchange(by_peer.theirs, by_peer.ours)
        for pc, other in (
            (rekeyed.ours, rekeyed.theirs),
            (rekeyed_by_peer.theirs, rekeyed_by_peer.ours),
        ):
            rekey = asyncio.ensure_future(pc.rekey())
            await within(expected(pc, "negotiationneeded"))
            await exchange(pc, other)
            assert (await within(rekey)).changed
        await closed.ours.close()
        clients.remove(closed)
        await all_say(clients)
        assert [ports(each.ours) for each in clients] == [{port}] * (CONNECTIONS - 1)


@pytest.mark.parametrize("shared", ["ours", "both"])
async def test_ice_restarts_on_one_port_lose_and_duplicate_nothing(shared: str) -> None:
    # With one port at the peer as well, all generations have one and the same path.
    both = (free_port("127.0.0.1"), None) if shared == "ours" else free_pair()
    async with connected_sides(ports=both) as pair, under_load(pair) as load:
        for number in range(20):
            await restart(pair, first=number % 2)
            await load.more(10)


def free_pair() -> tuple[int, int]:
    """Find two UDP ports that are free at the moment."""
    first = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first))
        return first, free_port()


async def test_m_sections_without_bundle_share_one_port() -> None:
    port = free_port()
    async with (
        PeerConnection(loopback()) as theirs,
        PeerConnection(loopback(one_port=port)) as ours,
    ):
        theirs.addTransceiver("audio")
        theirs.addTransceiver("video")
        channel = theirs.createDataChannel("chat")
        await theirs.setLocalDescription()
        await ours.setRemoteDescription(unbundled(local(theirs)))
        await answer(ours, theirs)
        await both_connected(theirs, ours)
        await opened(channel)
        assert local(ours).sdp.count(f" {port} typ host") == 3
        assert ports(ours) == {port}


@pytest.mark.parametrize("policy", [BundlePolicy.BALANCED, BundlePolicy.MAX_BUNDLE])
async def test_offer_from_one_port_is_bundled_whatever_the_policy(policy: BundlePolicy) -> None:
    port = free_port()
    configuration = loopback(one_port=port, bundlePolicy=policy)
    async with PeerConnection(configuration) as ours, PeerConnection(loopback()) as theirs:
        ours.addTransceiver("audio")
        ours.addTransceiver("video")
        channel = ours.createDataChannel("chat")
        await connect(ours, theirs)
        await opened(channel)
        ours.addTransceiver("video")
        ours.restartIce()
        await exchange(ours, theirs)
        assert ports(ours) == {port}


async def test_one_port_is_the_same_on_each_local_address() -> None:
    port = free_port()
    addresses = ("127.0.0.1", "127.0.0.2", "::1")
    before = len(sockets())
    configuration = PeerConfiguration(interfaces=addresses, one_port=port)
    async with served(configuration, 2, peers=PeerConfiguration(interfaces=("::1",))) as clients:
        assert len(sockets()) - before == len(addresses) + 2
        for each in clients:
            assert local(each.ours).sdp.count(f" {port} typ host") == len(addresses)
        await all_say(clients)


async def test_candidates_of_one_port_are_announced_at_another_address() -> None:
    announced = AddressTranslation.of({"127.0.0.1": "203.0.113.7"})
    port = free_port()
    async with two_ends(ports=port, announced=announced) as (server, _):
        await server.ice.gather()
        assert [(c.address, c.port) for c in server.seen.of_type("host")] == [("203.0.113.7", port)]


async def test_one_port_that_another_process_has_is_named_and_changes_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        async with PeerConnection(loopback(one_port=port)) as pc:
            pc.createDataChannel("chat")
            words = f"UDP port {port} of one_port cannot be bound on 127.0.0.1: Address already in"
            async with refused(pc, OnePortError, words):
                await pc.setLocalDescription()


async def test_one_port_takes_data_from_where_an_authenticated_check_came_only() -> None:
    port = free_port()
    async with two_ends(ports=port) as (first, second):
        for end in (first, second):
            await end.ice.gather()
        async with scripted_ice_peer(second.ice.local, first.ice.local) as peer:
            address = ("127.0.0.1", port)
            peer.check(address, password="not the one of the first " + "x" * 9)
            await peer.until(lambda: len(peer.answers) == 1)
            peer.send(DATA, address)
            peer.check(address)
            await peer.until(lambda: len(peer.answers) == 2)
            assert first.seen.datagrams == []
            peer.send(DATA, address)
            await first.seen.until(lambda: first.seen.datagrams == [DATA])
            assert second.seen.datagrams == []


@in_virtual_time
async def test_two_ends_of_one_call_on_one_port_fail_and_are_told_why() -> None:
    timing = IceTiming(connect_timeout=0.3)
    async with two_ends(ports=free_port(), timing=timing) as (left, right):
        for end in (left, right):
            await end.ice.gather()
        start(left, right)
        await left.seen.reached(IceTransportState.FAILED)
        assert "the peer of another connection on the same port of ours (one_port)" in str(
            left.ice.error
        )


async def test_server_reflexive_candidates_are_found_from_one_port() -> None:
    async with stun_server(("203.0.113.9", 4000)) as server:
        servers = [IceServer(server.url)]
        async with two_ends(ports=free_port(), servers=servers) as ends:
            for end in ends:
                await end.ice.gather()
            for end in ends:
                await end.seen.gathered()
                assert [c.address for c in end.seen.of_type("srflx")] == ["203.0.113.9"]
