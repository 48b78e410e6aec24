"""Names the STUN and TURN servers of a configuration that ICE can use, and the others. PURE."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from peer.configuration.ice_url import IceServerUrl
from peer.errors import ConfigurationError
from peer.printable import printable
from peer.values import assign, dataclass

if TYPE_CHECKING:
    from peer.configuration import IceServer

#: `errorCode` of a server that could not be reached, outside of STUN's own (W3C webrtc-pc 4.8.2).
UNREACHABLE: Final = 701
#: Longest reason phrase of a server that is passed on, in characters (RFC 8489 section 14.8).
_LONGEST_PHRASE: Final = 127


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
    url: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class TurnServer:
    """TURN server that allocates a relayed address, and our credentials there."""

    host: str
    port: int
    transport: TurnTransportProtocol
    username: str
    credential: str = field(repr=False)
    url: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class UnusableServer:
    """Well-formed URL of a server by a protocol that we do not speak; `reason` says which."""

    url: str
    reason: str


ParsedServer = StunServer | TurnServer | UnusableServer


@dataclass(frozen=True, slots=True)
class ServerFailure:
    """STUN or TURN server that did not serve, and the reason (W3C webrtc-pc section 4.8.2).

    Args:
        url: URL of the server as the application gave it.
        text: Reason phrase of the server, or what went wrong where it could not be reached.
        code: STUN error code of the server, or `UNREACHABLE`.
        local: Our address and port that the server was asked from, where it is one and known.
        about_peer: Whether a TURN server refused an address of the peer, rather than us.
    """

    url: str
    text: str
    code: int = UNREACHABLE
    local: tuple[str, int] | None = None
    about_peer: bool = False

    def __post_init__(self) -> None:
        assign(self, "text", printable(self.text)[:_LONGEST_PHRASE])

    @property
    def reason(self) -> str:
        """Reason in a few words, such as `401 Unauthorized`."""
        if self.code == UNREACHABLE:
            return self.text
        refusal = f"{self.code} {self.text}".rstrip()
        return f"{refusal} for an address of the peer" if self.about_peer else refusal


def parse_servers(servers: Iterable[IceServer]) -> tuple[ParsedServer, ...]:
    """Parse every URL of every server, in order and each once.

    A list with a server that we cannot use serves by its others: services hand out one list for
    clients of all kinds.

    Raises:
        ConfigurationError: A URL is malformed, or no URL of the list can be used.
    """
    parsed = tuple(dict.fromkeys(_parse(url, server) for server in servers for url in server.urls))
    unusable = [server for server in parsed if isinstance(server, UnusableServer)]
    if parsed and len(unusable) == len(parsed):
        reasons = "; ".join(f"{server.url!r}: {server.reason}" for server in unusable)
        raise ConfigurationError(f"none of the ICE servers can be used: {reasons}")
    return parsed


def _parse(url: str, server: IceServer) -> ParsedServer:
    parts = IceServerUrl.parse(url)
    host, port = parts.host, parts.port
    match parts.scheme, parts.transport:
        case "stun", _:
            return StunServer(host, port, url)
        case "stuns", _:
            return UnusableServer(url, "STUN over TLS is not supported")
        case "turns", "udp":
            return UnusableServer(url, "TURN over DTLS is not supported")
        case "turns", "" | "tcp":
            protocol = TurnTransportProtocol.TLS
        case "turn", "" | "udp" | "tcp":
            protocol = TurnTransportProtocol(parts.transport or "udp")
        case _:
            return UnusableServer(url, f"TURN over {parts.transport} is not supported")
    # IceServer has made sure of both.
    return TurnServer(host, port, protocol, server.username or "", server.credential or "", url)
