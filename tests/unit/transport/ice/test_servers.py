"""STUN and TURN URLs (RFC 7064, RFC 7065)."""

from __future__ import annotations

import re

import pytest

from peer.configuration import IceServer
from peer.errors import ConfigurationError
from peer.transport.ice.servers import (
    ServerFailure,
    StunServer,
    TurnServer,
    TurnTransportProtocol,
    UnusableServer,
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
    assert parse_servers(servers) == tuple(StunServer(host, 3478) for host in "abc")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("STUN:stun.example.org", StunServer("stun.example.org", 3478)),
        ("Turn:t:80?transport=TCP", TurnServer("t", 80, TCP, "u", "p")),
        ("TURNS:t?Transport=Tcp", TurnServer("t", 5349, TLS, "u", "p")),
        ("turn:t?TRANSPORT=udp", TurnServer("t", 3478, UDP, "u", "p")),
    ],
)
def test_ice_server_url_in_capitals_is_parsed(url: str, expected: StunServer | TurnServer) -> None:
    (parsed,) = parse_servers([IceServer(url, username="u", credential="p")])
    assert parsed == expected
    assert parsed.url == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("turns:a:443?transport=udp", "TURN over DTLS is not supported"),
        ("TURNS:a:443?transport=UDP", "TURN over DTLS is not supported"),
        ("stuns:a", "STUN over TLS is not supported"),
        ("STUNS:a:5349", "STUN over TLS is not supported"),
        ("turn:a?transport=sctp", "TURN over sctp is not supported"),
        ("turns:a?transport=quic", "TURN over quic is not supported"),
    ],
)
def test_ice_server_that_cannot_be_used_is_passed_over_where_another_serves(
    url: str, reason: str
) -> None:
    servers = [IceServer(url, username="u", credential="p"), IceServer("stun:b")]
    assert parse_servers(servers) == (UnusableServer(url, reason), StunServer("b", 3478))


def test_ice_server_list_in_which_none_can_be_used_is_refused_with_each_reason() -> None:
    servers = [IceServer("turns:a?transport=udp", username="u", credential="p")]
    with pytest.raises(ConfigurationError, match="none of the ICE servers") as raised:
        parse_servers([*servers, IceServer("stuns:b")])
    assert "'turns:a?transport=udp': TURN over DTLS" in str(raised.value)
    assert "'stuns:b': STUN over TLS" in str(raised.value)


def test_empty_ice_server_list_is_no_error() -> None:
    assert parse_servers([]) == ()


def test_reason_phrase_of_a_server_is_bounded_and_printable() -> None:
    failure = ServerFailure("turn:a", "No\x1b[2J\n" + "x" * 1000, code=403)
    assert failure.reason.startswith("403 No\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}x")
    assert len(failure.text) == 127


@pytest.mark.parametrize(
    "url",
    [
        "stun:",
        "stun://a",
        "stun:a#fragment",
        "stun:a\\",
        "stun:a b",
        "stun:a:0",
        "stun:a:65536",
        "stun:a:port",
        "stun:a?transport=udp",
        "stun:user@a",
        "stuns:a?transport=tcp",
        "turn:a?transport=",
        "stun:[::1",
        "turn:a?transport=sctp",
        "turns:a?transport=udp",
    ],
)
def test_unusable_ice_server_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(url)):
        parse_servers([IceServer(url, username="u", credential="p")])
