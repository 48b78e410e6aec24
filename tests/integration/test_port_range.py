"""Host candidates within `port_range`: shared by connections, used up, and free again."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack

import pytest

from peer import PeerConfiguration, PeerConnection, PortRangeError
from tests.support.negotiation.connection_state import nothing_left, refused
from tests.support.negotiation.connections import (
    connect,
    connected_pair,
    exchange,
    expected,
    local,
    loopback,
    within,
)
from tests.support.network.free_ports import free_run, ports


async def prepare_offer(configuration: PeerConfiguration, stack: AsyncExitStack) -> PeerConnection:
    """Open a connection with sockets bound for one transport."""
    pc = await stack.enter_async_context(PeerConnection(configuration))
    pc.createDataChannel("chat")
    await pc.setLocalDescription()
    return pc


async def test_connections_share_a_port_range_until_it_is_used_up() -> None:
    first, last = free_run(4)
    configuration = loopback(port_range=(first, last))
    async with nothing_left(), AsyncExitStack() as stack:
        open_ones = [await prepare_offer(configuration, stack) for _ in range(4)]
        assert set().union(*(ports(pc) for pc in open_ones)) == set(range(first, last + 1))

        unlucky = await stack.enter_async_context(PeerConnection(configuration))
        unlucky.createDataChannel("chat")
        words = rf"port_range \({first}, {last}\) is free on 127.0.0.1: Address already in use"
        async with refused(unlucky, PortRangeError, words):
            await unlucky.setLocalDescription()

        freed = ports(open_ones[1])
        await open_ones[1].close()
        await unlucky.setLocalDescription()
        assert ports(unlucky) == freed


async def test_media_and_ice_restarts_stay_within_the_port_range() -> None:
    first, last = free_run(2)
    async with connected_pair(loopback(port_range=(first, last))) as (left, right, channel):
        before = ports(left)
        left.restartIce()
        await exchange(left, right)
        assert ports(left) | before == {first, last}
        await connect(left, right)
        assert channel.readyState == "open"


async def test_ice_restart_without_a_free_port_changes_nothing() -> None:
    port, _ = free_run(1)
    async with connected_pair(loopback(port_range=(port, port))) as (left, right, channel):
        left.restartIce()
        async with refused(left, PortRangeError, str(port)):
            await left.setLocalDescription()
        arriving = expected(left, "datachannel")
        right.createDataChannel("back")
        await within(arriving)
        assert channel.readyState == "open"


async def test_port_range_error_names_range_and_address() -> None:
    port, _ = free_run(1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        async with PeerConnection(loopback(port_range=(port, port))) as pc:
            pc.createDataChannel("chat")
            with pytest.raises(PortRangeError) as raised:
                await pc.setLocalDescription()
    assert raised.value.port_range == (port, port)
    assert raised.value.address == "127.0.0.1"


async def test_each_local_address_has_the_whole_port_range() -> None:
    port, _ = free_run(1)
    configuration = PeerConfiguration(
        interfaces=("127.0.0.1", "127.0.0.2"), port_range=(port, port)
    )
    async with AsyncExitStack() as stack:
        pc = await prepare_offer(configuration, stack)
        assert local(pc).sdp.count("typ host") == 2
        assert ports(pc) == {port}
