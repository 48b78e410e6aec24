"""STUN and TURN URLs (RFC 7064, RFC 7065)."""

from __future__ import annotations

import re

import pytest

from peer.configuration import IceServer
from peer.errors import ConfigurationError
from peer.transport.ice.servers import (
    StunServer,
    TurnServer,
    TurnTransportProtocol,
    parse_servers,
)

UDP, TCP, TLS = TurnTransportProtocol.UDP, TurnTransportProtocol.TCP, TurnTransportProtocol.TLS


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("stun:stun.example.org", "stun.example.org", 3478),
        ("stun:192.0.2.1:19302", "192.0.2.1", 19302),
        ("stun:[2001:db8::1]:3479", "2001:db8::1", 3479),
    ],
)
def test_stun_url_is_parsed(url: str, host: str, port: int) -> None:
    assert parse_servers([IceServer(url)]) == (StunServer(host, port),)


@pytest.mark.parametrize(
    ("url", "port", "transport"),
    [
        ("turn:t.example.org", 3478, UDP),
        ("turn:t.example.org?transport=udp", 3478, UDP),
        ("turn:t.example.org:80?transport=tcp", 80, TCP),
        ("turns:t.example.org", 5349, TLS),
        ("turns:t.example.org:443?transport=tcp", 443, TLS),
    ],
)
def test_turn_url_is_parsed(url: str, port: int, transport: TurnTransportProtocol) -> None:
    server = IceServer(url, username="u", credential="p")
    assert parse_servers([server]) == (TurnServer("t.example.org", port, transport, "u", "p"),)


def test_every_url_of_every_ice_server_is_parsed_once() -> None:
    servers = [IceServer(["stun:a", "stun:b"]), IceServer("stun:c"), IceServer("stun:a:3478")]
    assert [s.host for s in parse_servers(servers)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "url",
    [
        "stun:",
        "stun://a",
        "stun:a:0",
        "stun:a:65536",
        "stun:a:port",
        "stun:a?transport=udp",
        "stun:user@a",
        "stun:[::1",
        "turn:a?transport=sctp",
        "turns:a?transport=udp",
    ],
)
def test_unusable_ice_server_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(url)):
        parse_servers([IceServer(url, username="u", credential="p")])
