"""Host candidates behind a NAT that maps one to one: announced, reached, and told once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from peer import PeerConnection
from peer.configuration import IceServer
from peer.configuration.announced_addresses import AddressTranslation
from tests.support.negotiation.connections import local, loopback
from tests.support.network.ice import start, stun_server, two_ends

LOCAL, PUBLIC = "127.0.0.1", "127.0.0.5"
ANNOUNCED = AddressTranslation.of({LOCAL: PUBLIC})


@asynccontextmanager
async def one_to_one_nat(port: int) -> AsyncIterator[None]:
    """Forward what comes to a port of the public address to the same port of the local one."""
    loop = asyncio.get_running_loop()
    outside, inside = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    outside.bind((PUBLIC, port))
    inside.bind((PUBLIC, 0))
    peers: list[tuple[str, int]] = []

    def arrived() -> None:
        data, source = outside.recvfrom(2048)
        peers[:] = [source]
        inside.sendto(data, (LOCAL, port))

    def answered() -> None:
        data = inside.recv(2048)
        if peers:
            outside.sendto(data, peers[0])

    for sock, callback in ((outside, arrived), (inside, answered)):
        sock.setblocking(False)
        loop.add_reader(sock, callback)
    try:
        yield
    finally:
        for sock in (outside, inside):
            loop.remove_reader(sock)
            sock.close()


async def test_peer_reaches_host_candidate_at_its_announced_address() -> None:
    async with two_ends(announced=ANNOUNCED) as (server, client):
        client.seen.forward = None
        await server.ice.gather()
        await client.ice.gather()
        (host,) = server.seen.of_type("host")
        assert host.address == PUBLIC
        async with one_to_one_nat(host.port):
            start(client, server)
            await client.seen.connected()
            await server.seen.connected()
            assert client.ice.selected_pair is not None
            remote = client.ice.selected_pair[1]
            assert (remote.address, remote.port) == (PUBLIC, host.port)
            client.ice.datagrams.send(b"\x16hello")
            await server.seen.until(lambda: server.seen.datagrams == [b"\x16hello"])


async def test_reflexive_candidate_equal_to_announced_one_is_redundant() -> None:
    async with (
        stun_server((PUBLIC, 0)) as server,
        two_ends(servers=[IceServer(server.url)], announced=ANNOUNCED) as (left, _),
    ):
        await left.ice.gather()
        (host,) = left.seen.of_type("host")
        server.mapped = (PUBLIC, host.port)
        await left.seen.gathered()
        assert [c.type for c in left.ice.local_candidates] == ["host"]


async def test_description_shows_announced_address_and_no_local_one() -> None:
    async with stun_server(("198.51.100.7", 6000)) as server:
        configuration = loopback(
            announced_addresses=["203.0.113.7"], iceServers=[IceServer(server.url)]
        )
        async with PeerConnection(configuration) as pc:
            pc.createDataChannel("chat")
            await pc.setLocalDescription()
            await pc.gathering_complete()
            lines = [line for line in local(pc).sdp.splitlines() if "candidate:" in line]
            assert len(lines) == 2
            assert " 203.0.113.7 " in lines[0]
            assert "raddr 203.0.113.7" in lines[1]
            assert LOCAL not in "".join(lines)
