"""Connections of TCP and sockets of UDP are kept alive by line ends. In virtual time."""

from __future__ import annotations

import asyncio

import pytest

from signaling.sip.transport.events import SipMessageReceived, SipTransportLost
from signaling.sip.transport.opening import open_transport
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.sip.octets import request
from tests.support.sip.servers import UdpEnd, stream_server
from tests.support.sip.transports import next_event


@in_virtual_time
async def test_a_ping_goes_out_every_95_seconds_though_no_pong_comes() -> None:
    loop = asyncio.get_running_loop()
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        async with await open_transport(url):
            there, begun = await server.accept(), loop.time()
            for index in range(1, 4):
                assert await there.received.get() == b"\r\n\r\n"
                assert loop.time() - begun == pytest.approx(95.0 * index, abs=0.5)


@in_virtual_time
async def test_a_server_that_sent_pongs_and_stops_is_lost() -> None:
    loop = asyncio.get_running_loop()
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        async with await open_transport(url) as transport:
            there, begun = await server.accept(), loop.time()
            for _ in range(2):
                assert await there.received.get() == b"\r\n\r\n"
                await there.send(b"\r\n")
            assert await there.received.get() == b"\r\n\r\n"
            await next_event(transport, SipTransportLost)
            assert loop.time() - begun == pytest.approx(3 * 95.0 + 10.0, abs=1.0)


@in_virtual_time
async def test_a_ping_of_the_server_is_answered() -> None:
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        async with await open_transport(url) as transport:
            there = await server.accept()
            await there.send(b"\r\n\r\n" + request("Content-Length: 0"))
            assert await there.received.get() == b"\r\n"
            await next_event(transport, SipMessageReceived)


@in_virtual_time
async def test_a_socket_of_udp_holds_the_mapping_of_its_nat() -> None:
    loop = asyncio.get_running_loop()
    async with UdpEnd() as there, await open_transport(there.url):
        begun = loop.time()
        for index in range(1, 3):
            assert (await there.received.get())[0] == b"\r\n\r\n"
            assert loop.time() - begun == pytest.approx(25.0 * index, abs=0.5)
