"""SIP messages go and come by each transport of connections, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from signaling.sip.parsing import parse_message, write_message
from signaling.sip.transport.events import SipMessageReceived, SipMessageRefused
from signaling.sip.transport.interface import MAX_EVENTS, SipTransport
from signaling.sip.transport.opening import open_transport
from tests.support.sip.octets import request
from tests.support.sip.servers import ServedConnection, stream_server, websocket_server
from tests.support.sip.transports import next_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Ends = tuple[SipTransport, ServedConnection]


@pytest.fixture(params=["ws", "tcp"])
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[Ends]:
    """A transport, and the server's end of its connection."""
    server_of = websocket_server if request.param == "ws" else stream_server
    async with server_of() as server:
        url = {
            "ws": f"ws://127.0.0.1:{server.port}/sip",
            "tcp": f"sip:127.0.0.1:{server.port};transport=tcp",
        }[request.param]
        async with await open_transport(url, reconnect=None) as transport:
            yield transport, await server.accept()


async def test_a_message_goes_to_the_server(ends: Ends) -> None:
    transport, there = ends
    message = parse_message(request(body=b"v=0"))
    await transport.send(message)
    assert await there.next(b"v=0") == write_message(message)


async def test_messages_come_from_the_server_in_order(ends: Ends) -> None:
    transport, there = ends
    for number in range(MAX_EVENTS + 10):
        await there.send(request("Content-Length: 0", CSeq=f"{number} INVITE"))
    for number in range(MAX_EVENTS + 10):
        event = await next_event(transport, SipMessageReceived)
        assert event.message.cseq.sequence == number


async def test_octets_that_are_no_message_are_told_and_the_next_message_comes(ends: Ends) -> None:
    transport, there = ends
    await there.send(request("Content-Length: 0", CSeq="1 OPTIONS"))
    await there.send(request("Content-Length: 0"))
    refused = await next_event(transport, SipMessageRefused)
    assert refused.error.request
    await next_event(transport, SipMessageReceived)


async def test_keep_alives_of_the_server_are_no_messages(ends: Ends) -> None:
    transport, there = ends
    await there.send(b"\r\n\r\n")
    await there.send(request("Content-Length: 0"))
    await next_event(transport, SipMessageReceived)
