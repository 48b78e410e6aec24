"""Via and Contact of each transport lead back to it."""

from __future__ import annotations

import re

import pytest

from signaling.sip.errors import SipTransportError
from signaling.sip.transport.opening import open_transport
from tests.support.sip.servers import stream_server, websocket_server


async def test_a_websocket_is_reached_by_a_name_that_nobody_resolves() -> None:
    async with (
        websocket_server() as server,
        await open_transport(f"ws://127.0.0.1:{server.port}/") as transport,
    ):
        name = transport.via.host
        assert re.fullmatch(r"[0-9a-f]{12}\.invalid", name)
        assert str(transport.via) == f"SIP/2.0/WS {name}"
        assert str(transport.contact) == f"sip:{name};transport=ws"
        assert transport.reliable
        assert not transport.secure


async def test_a_connection_of_tcp_is_reached_at_its_own_end() -> None:
    async with stream_server() as server:
        url = f"sip:127.0.0.1:{server.port};transport=tcp"
        async with await open_transport(url) as transport:
            port = transport.via.port
            assert port not in (None, server.port)
            assert str(transport.via) == f"SIP/2.0/TCP 127.0.0.1:{port};rport"
            assert str(transport.contact) == f"sip:127.0.0.1:{port};transport=tcp"
            assert transport.reliable


async def test_a_socket_of_udp_is_reached_at_its_address() -> None:
    async with await open_transport("sip:127.0.0.1:9") as transport:
        port = transport.via.port
        assert str(transport.via) == f"SIP/2.0/UDP 127.0.0.1:{port};rport"
        assert str(transport.contact) == f"sip:127.0.0.1:{port};transport=udp"
        assert not transport.reliable


async def test_a_websocket_that_speaks_no_sip_is_refused() -> None:
    async with websocket_server(subprotocol=None) as server:
        with pytest.raises(SipTransportError, match="subprotocol"):
            await open_transport(f"ws://127.0.0.1:{server.port}/")
