"""SIP over UDP: responses go back where requests came from, and large requests by TCP."""

from __future__ import annotations

from sipmessage import Request

from signaling.sip.parsing import parse_message, write_message
from signaling.sip.replies import reply_to
from signaling.sip.transport.events import SipMessageReceived, SipMessageRefused
from signaling.sip.transport.interface import MAX_EVENTS
from signaling.sip.transport.opening import open_transport
from signaling.sip.transport.udp import MAX_DATAGRAM, SipUdpTransport
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.sip.octets import request
from tests.support.sip.servers import UdpEnd, stream_server
from tests.support.sip.transports import next_event


@in_virtual_time
async def test_a_request_goes_to_the_server_and_its_response_comes() -> None:
    async with UdpEnd() as there, await open_transport(there.url) as transport:
        message = parse_message(request())
        await transport.send(message)
        data, source = await there.next()
        assert data == write_message(message)
        assert source == ("127.0.0.1", transport.via.port)
        there.send(request(first="SIP/2.0 200 OK"), source[1])
        event = await next_event(transport, SipMessageReceived)
        assert event.message.headers["CSeq"] == "1 INVITE"


@in_virtual_time
async def test_a_response_goes_back_to_the_port_of_the_request_with_rport() -> None:
    async with UdpEnd() as server, UdpEnd() as stranger, await open_transport(server.url) as ours:
        assert ours.via.port
        stranger.send(request(Via="SIP/2.0/UDP a.b:9;branch=z9hG4bK1;rport"), ours.via.port)
        event = await next_event(ours, SipMessageReceived)
        assert isinstance(event.message, Request)
        await ours.send(reply_to(event.message, 200), event.flow)
        data, _ = await stranger.next()
        via = f"SIP/2.0/UDP a.b:9;branch=z9hG4bK1;rport={stranger.port};received=127.0.0.1"
        assert parse_message(data).headers["Via"] == via


@in_virtual_time
async def test_a_response_without_rport_goes_to_the_port_of_via() -> None:
    async with UdpEnd() as server, UdpEnd() as named, await open_transport(server.url) as ours:
        assert ours.via.port
        via = f"SIP/2.0/UDP 127.0.0.1:{named.port};branch=z9hG4bK1"
        server.send(request("Via: SIP/2.0/TCP x;branch=z9hG4bK2", Via=via), ours.via.port)
        event = await next_event(ours, SipMessageReceived)
        assert isinstance(event.message, Request)
        await ours.send(reply_to(event.message, 200), event.flow)
        data, _ = await named.next()
        vias = parse_message(data).headers.getlist("Via")
        assert vias == [via, "SIP/2.0/TCP x;branch=z9hG4bK2"]


@in_virtual_time
async def test_a_datagram_that_is_no_message_is_told_with_the_way_back() -> None:
    async with UdpEnd() as server, await open_transport(server.url) as ours:
        assert ours.via.port
        server.send(b"\r\n\r\n", ours.via.port)
        server.send(request(CSeq="1 BYE"), ours.via.port)
        event = await next_event(ours, SipMessageRefused)
        assert event.flow == ("127.0.0.1", server.port)


@in_virtual_time
async def test_datagrams_that_nobody_takes_are_dropped_and_the_oldest_kept() -> None:
    source = ("127.0.0.1", 9)
    async with await open_transport("sip:127.0.0.1:9") as ours:
        assert isinstance(ours, SipUdpTransport)
        for number in range(MAX_EVENTS + 20):
            ours.take(request(CSeq=f"{number} INVITE"), source)
        for number in range(MAX_EVENTS):
            event = await next_event(ours, SipMessageReceived)
            assert event.message.cseq.sequence == number
        ours.take(request(CSeq="7 INVITE"), source)
        assert (await next_event(ours, SipMessageReceived)).message.cseq.sequence == 7


LARGE = b" " * (MAX_DATAGRAM + 1)


@in_virtual_time
async def test_a_large_request_goes_by_tcp_where_that_was_asked_for() -> None:
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port}"
        async with await open_transport(url, large_by_tcp=True) as transport:
            await transport.send(parse_message(request(body=LARGE)))
            there = await server.accept()
            message = parse_message(await there.next(LARGE))
            assert message.via[0].transport == "TCP"
            assert message.via[0].parameters["branch"] == "z9hG4bK-1"
            await there.send(request("l: 0", first="SIP/2.0 200 OK"))
            await next_event(transport, SipMessageReceived)
            await there.send(request("l: 0"))
            event = await next_event(transport, SipMessageReceived)
            assert isinstance(event.message, Request)
            await transport.send(reply_to(event.message, 200), event.flow)
            assert (await there.next(b"\r\n\r\n")).startswith(b"SIP/2.0 200 OK")


@in_virtual_time
async def test_a_large_request_goes_by_udp_where_no_tcp_listens() -> None:
    async with (
        UdpEnd() as server,
        await open_transport(server.url, large_by_tcp=True) as transport,
    ):
        message = parse_message(request(body=LARGE))
        await transport.send(message)
        assert (await server.next())[0] == write_message(message)


@in_virtual_time
async def test_a_large_request_goes_by_udp_where_nothing_else_was_asked_for() -> None:
    async with UdpEnd() as server, await open_transport(server.url) as transport:
        message = parse_message(request(body=LARGE))
        await transport.send(message)
        assert (await server.next())[0] == write_message(message)
