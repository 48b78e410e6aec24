"""An INVITE of WebRTC is larger than 1,300 octets: by TCP where that was asked for, else by UDP."""

from __future__ import annotations

import asyncio
import contextlib

from sipmessage import Request

from signaling import sip
from signaling.sip.framing import StreamFramer
from signaling.sip.parsing import parse_message
from signaling.sip.transport.udp import MAX_DATAGRAM
from tests.support.peers.sip_phones import sounding
from tests.support.sip.servers import ServedConnection, UdpEnd, stream_server


async def first_message(there: ServedConnection) -> bytes:
    """Wait for the first whole message of a stream."""
    framer = StreamFramer()
    while True:
        for frame in framer.receive(await there.next()):
            if isinstance(frame, bytes):
                return frame


async def given_up(calling: asyncio.Task[None]) -> None:
    calling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await calling


async def invited(phone: sip.Phone) -> None:
    await phone.invite("sip:bob@example.org", sounding())


async def test_an_invite_of_a_phone_goes_by_tcp_where_that_was_asked_for() -> None:
    async with (
        stream_server() as server,
        sip.register(
            f"sip:127.0.0.1:{server.port}", "sip:ann@a.org", expires=None, large_by_tcp=True
        ) as phone,
    ):
        calling = asyncio.create_task(invited(phone))
        there = await server.accept()
        data = await first_message(there)
        assert len(data) > MAX_DATAGRAM
        message = parse_message(data)
        assert isinstance(message, Request)
        assert (message.method, message.via[0].transport) == ("INVITE", "TCP")
        await given_up(calling)


async def test_an_invite_of_a_phone_goes_by_udp_where_nothing_was_asked_for() -> None:
    async with (
        UdpEnd() as server,
        sip.register(server.url, "sip:ann@a.org", expires=None) as phone,
    ):
        calling = asyncio.create_task(invited(phone))
        data, _ = await server.next()
        message = parse_message(data)
        assert isinstance(message, Request)
        assert (message.method, message.via[0].transport) == ("INVITE", "UDP")
        await given_up(calling)
