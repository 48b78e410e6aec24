"""URLs of SIP servers: which transport they name, and whether it may be used in plain. PURE."""

from __future__ import annotations

import ipaddress
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from peer.values import dataclass
from signaling.errors import InsecureUrlError
from signaling.sip.errors import SipUsageError
from signaling.sip.grammar import parse_uri


class SipTransportKind(Enum):
    """Transports of SIP by their name in Via."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"
    WS = "WS"
    WSS = "WSS"

    @property
    def secure(self) -> bool:
        """True where TLS protects the transport."""
        return self in (SipTransportKind.TLS, SipTransportKind.WSS)

    @property
    def default_port(self) -> int:
        """Port where a URL names none (RFC 3261 section 19.1.2, RFC 6455 section 3)."""
        return _DEFAULT_PORTS[self]


_DEFAULT_PORTS: Final = {
    SipTransportKind.UDP: 5060,
    SipTransportKind.TCP: 5060,
    SipTransportKind.TLS: 5061,
    SipTransportKind.WS: 80,
    SipTransportKind.WSS: 443,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SipServer:
    """A SIP server by its URL.

    Attributes:
        url: The URL as it was given.
        kind: Transport to it.
        host: Name or address, IPv6 without brackets.
        port: The port that the URL names; None where it names none.
    """

    url: str
    kind: SipTransportKind
    host: str
    port: int | None

    @property
    def is_address(self) -> bool:
        """True where the host is an address, not a name."""
        return _address(self.host) is not None


def read_url(url: str, *, insecure: bool = False) -> SipServer:
    """Read the URL of a SIP server: `wss://host/path`, `sips:host`, `sip:host;transport=tcp`.

    A `sip:` URL without a transport is UDP (RFC 3263 section 4.1).

    Args:
        url: The URL.
        insecure: Allow a transport without TLS to another machine.

    Raises:
        SipUsageError: It is no such URL.
        InsecureUrlError: A transport without TLS to another machine.
    """
    server = _websocket(url) if url[:2].lower() == "ws" else _sip(url)
    if not server.kind.secure and not insecure and not is_loopback(server.host):
        # RFC 5763 section 8.2: the fingerprint is worth what the signalling's integrity is worth.
        raise InsecureUrlError(
            f"{url!r} would carry fingerprints unprotected: use wss: or sips:, or insecure=True"
        )
    return server


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def in_brackets(host: str) -> str:
    """Return a host as it stands in URIs and Via: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _websocket(url: str) -> SipServer:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SipUsageError(f"{url!r} is no URL: {error}") from error
    kinds = {"ws": SipTransportKind.WS, "wss": SipTransportKind.WSS}
    if parts.scheme not in kinds or not host:
        raise SipUsageError(f"{url!r} is no URL of a WebSocket: wss://host/path")
    return SipServer(url=url, kind=kinds[parts.scheme], host=host, port=port)


def _sip(url: str) -> SipServer:
    try:
        uri = parse_uri(url)
    except ValueError as error:
        raise SipUsageError(f"{url!r} is no URL of a SIP server: {error}") from error
    transport = (uri.parameters.get("transport") or "").lower()
    kind = {
        ("sips", ""): SipTransportKind.TLS,
        ("sips", "tcp"): SipTransportKind.TLS,
        ("sips", "tls"): SipTransportKind.TLS,
        ("sip", "tls"): SipTransportKind.TLS,
        ("sip", "tcp"): SipTransportKind.TCP,
        ("sip", "udp"): SipTransportKind.UDP,
        ("sip", ""): SipTransportKind.UDP,
    }.get((uri.scheme, transport))
    if kind is None:
        raise SipUsageError(
            f"{url!r} is no URL of a SIP server: wss://host/path, sips:host or "
            "sip:host;transport=tcp, or udp"
        )
    return SipServer(url=url, kind=kind, host=uri.host.strip("[]"), port=uri.port)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
