"""A transport whose connection breaks comes back, or says that it does not. In virtual time."""

from __future__ import annotations

import asyncio

import pytest

from signaling.backoff import Reconnect
from signaling.sip.errors import SipTransportError
from signaling.sip.parsing import parse_message, write_message
from signaling.sip.transport.events import (
    SipMessageReceived,
    SipMessageRefused,
    SipTransportLost,
    SipTransportRestored,
)
from signaling.sip.transport.opening import open_transport
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.sip.octets import request
from tests.support.sip.servers import stream_server
from tests.support.sip.transports import next_event

POLICY = Reconnect(timeout=30.0, first_delay=0.1, longest_delay=5.0)


@in_virtual_time
async def test_a_connection_that_breaks_is_opened_again() -> None:
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        async with await open_transport(url, reconnect=POLICY) as transport:
            before = transport.via
            await (await server.accept()).close()
            lost = await next_event(transport, SipTransportLost)
            assert lost.reason == "the server closed the connection"
            restored = await next_event(transport, SipTransportRestored)
            assert 0.05 <= restored.seconds <= 0.2
            assert transport.via != before
            assert transport.contact.port == transport.via.port
            message = parse_message(request())
            await transport.send(message)
            assert await (await server.accept()).next(b"\r\n\r\n") == write_message(message)


@in_virtual_time
async def test_nothing_is_sent_without_a_connection() -> None:
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        async with await open_transport(url, reconnect=POLICY) as transport:
            await (await server.accept()).close()
            await next_event(transport, SipTransportLost)
            with pytest.raises(SipTransportError, match="no connection"):
                await transport.send(parse_message(request()))


@in_virtual_time
async def test_a_server_that_stays_away_is_given_up() -> None:
    loop = asyncio.get_running_loop()
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        transport = await open_transport(url, reconnect=POLICY)
        there = await server.accept()
    await there.close()
    await next_event(transport, SipTransportLost)
    lost = loop.time()
    with pytest.raises(SipTransportError, match=r"closed the connection; no connection for 30"):
        await transport.receive()
    assert loop.time() - lost == pytest.approx(30.0, abs=0.1)
    await transport.close()


@in_virtual_time
async def test_a_transport_without_a_policy_ends_with_its_connection() -> None:
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        async with await open_transport(url, reconnect=None) as transport:
            await (await server.accept()).close()
            with pytest.raises(SipTransportError, match="the server closed the connection"):
                await transport.receive()


@in_virtual_time
async def test_a_stream_that_nobody_can_divide_is_opened_again() -> None:
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        async with await open_transport(url, reconnect=POLICY) as transport:
            there = await server.accept()
            await there.send(request("Content-Length: 0") + b"x" * 40_000)
            await next_event(transport, SipMessageReceived)
            await next_event(transport, SipMessageRefused)
            lost = await next_event(transport, SipTransportLost)
            assert lost.reason.startswith("what came is no SIP")
            await next_event(transport, SipTransportRestored)


@in_virtual_time
async def test_a_server_that_ends_every_connection_is_asked_ever_more_seldom() -> None:
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        async with await open_transport(url, reconnect=POLICY) as transport:
            waits = []
            for _ in range(8):
                await (await server.accept()).close()
                await next_event(transport, SipTransportLost)
                waits.append((await next_event(transport, SipTransportRestored)).seconds)
            assert waits[0] <= 0.2
            assert waits[-1] >= 2.0


@in_virtual_time
async def test_events_that_wait_can_be_taken_after_the_end() -> None:
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        transport = await open_transport(url, reconnect=None)
        there = await server.accept()
        await there.send(request("Content-Length: 0"))
        await there.close()
        events = [event async for event in transport.events()]
        assert [type(event) for event in events] == [SipMessageReceived]
        await transport.close()
