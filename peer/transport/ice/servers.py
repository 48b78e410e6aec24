"""Parses the URLs of STUN and TURN servers (RFC 7064, RFC 7065). PURE."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from peer.errors import ConfigurationError

if TYPE_CHECKING:
    from peer.configuration import IceServer

_URL = re.compile(
    r"(?P<scheme>stun|turn|turns):"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:?/@\[\]]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?"
)


class TurnTransportProtocol(StrEnum):
    """Protocol between us and a TURN server; the relayed packets are always UDP."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class StunServer:
    """STUN server that tells a server-reflexive address."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class TurnServer:
    """TURN server that allocates a relayed address, and our credentials there."""

    host: str
    port: int
    transport: TurnTransportProtocol
    username: str
    credential: str = field(repr=False)


def parse_servers(servers: Iterable[IceServer]) -> tuple[StunServer | TurnServer, ...]:
    """Parse every URL of every server, in order and each once.

    Raises:
        ConfigurationError: A URL is malformed, or asks for TURN over DTLS, which we do not speak.
    """
    parsed = [_parse(url, server) for server in servers for url in server.urls]
    return tuple(dict.fromkeys(parsed))


def _parse(url: str, server: IceServer) -> StunServer | TurnServer:
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigurationError(f"{url!r} is not a STUN or TURN URL (RFC 7064, RFC 7065)")
    scheme, transport = match["scheme"], match["transport"]
    host = match["host"].strip("[]")
    port = int(match["port"] or (5349 if scheme == "turns" else 3478))
    if not 0 < port < 65536:
        raise ConfigurationError(f"the port of {url!r} is not from 1 to 65535")
    if scheme == "stun":
        # RFC 7064 section 3.1 knows no transport in a `stun:` URL.
        if transport is not None:
            raise ConfigurationError(f"a stun: URL has no transport: {url!r}")
        return StunServer(host, port)
    if scheme == "turns" and transport == "udp":
        raise ConfigurationError(f"TURN over DTLS is not supported: {url!r}")
    if scheme == "turns":
        protocol = TurnTransportProtocol.TLS
    else:
        protocol = TurnTransportProtocol(transport or "udp")
    # IceServer has made sure of both.
    return TurnServer(host, port, protocol, server.username or "", server.credential or "")
