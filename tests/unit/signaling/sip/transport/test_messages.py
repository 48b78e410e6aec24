"""SIP messages go and come by each transport, with the Via and Contact that lead back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from sipmessage import Request

from signaling.sip.parsing import parse_message, write_message
from signaling.sip.transport.events import SipMessageReceived, SipMessageRefused, SipTransportEvent
from signaling.sip.transport.opening import open_transport
from tests.support.clock.deadline import DEADLINE
from tests.support.sip.octets import request
from tests.support.sip.servers import (
    ServedConnection,
    stream_server,
    websocket_server,
)

if TYPE_CHECKING:
    from signaling.sip.transport.interface import SipTransport


async def next_event(transport: SipTransport) -> SipTransportEvent:
    async with asyncio.timeout(DEADLINE):
        return await transport.receive()


@pytest.fixture(params=["ws", "tcp"])
async def ends(
    request: pytest.FixtureRequest,
) -> AsyncIterator[tuple[SipTransport, ServedConnection]]:
    """A transport, and the server's end of its connection."""
    server_of = websocket_server if request.param == "ws" else stream_server
    async with server_of() as server:
        url = {
            "ws": f"ws://127.0.0.1:{server.port}/sip",
            "tcp": f"sip:127.0.0.1:{server.port};transport=tcp",
        }[request.param]
        async with await open_transport(url, reconnect=None) as transport:
            yield transport, await server.accept()


async def test_a_message_goes_to_the_server(
    ends: tuple[SipTransport, ServedConnection],
) -> None:
    transport, there = ends
    message = parse_message(request(body=b"v=0"))
    await transport.send(message)
    assert await there.next(b"v=0") == write_message(message)


async def test_messages_come_from_the_server_in_order(
    ends: tuple[SipTransport, ServedConnection],
) -> None:
    transport, there = ends
    for number in range(3):
        await there.send(request("Content-Length: 0", CSeq=f"{number} INVITE"))
    for number in range(3):
        event = await next_event(transport)
        assert isinstance(event, SipMessageReceived)
        assert isinstance(event.message, Request)
        assert event.message.cseq.sequence == number


async def test_what_is_no_message_is_told_and_the_next_one_comes(
    ends: tuple[SipTransport, ServedConnection],
) -> None:
    transport, there = ends
    await there.send(request("Content-Length: 0", CSeq="1 OPTIONS"))
    await there.send(request("Content-Length: 0"))
    refused = await next_event(transport)
    assert isinstance(refused, SipMessageRefused)
    assert refused.error.request
    assert isinstance(await next_event(transport), SipMessageReceived)
