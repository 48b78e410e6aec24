"""Entry to a SIP server by its URL: its place, TLS, and the transport that the URL names."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from signaling.backoff import Reconnect
from signaling.sip.errors import SipTransportError, SipUsageError
from signaling.sip.transport.connected import ConnectedTransport
from signaling.sip.transport.resolution import locate
from signaling.sip.transport.stream import open_stream
from signaling.sip.transport.udp import SipUdpTransport
from signaling.sip.transport.urls import SipServer, SipTransportKind, read_url
from signaling.sip.transport.websocket import open_websocket
from signaling.sip.transport.wire import SipWire

if TYPE_CHECKING:
    from ssl import SSLContext

    from signaling.sip.transport.interface import SipTransport

_Dial: TypeAlias = Callable[[], Awaitable[SipWire]]

_DEFAULT: Final = Reconnect()
#: Seconds to open the first connection (ours); the reconnection policy has those of later ones.
_OPEN_TIMEOUT: Final = 10.0


async def open_transport(
    url: str,
    *,
    ssl: SSLContext | None = None,
    domain: str | None = None,
    reconnect: Reconnect | None = _DEFAULT,
    insecure: bool = False,
    large_by_tcp: bool = False,
) -> SipTransport:
    """Open a transport to a SIP server.

    Args:
        url: `wss://host:port/path`, `sips:host`, `sip:host;transport=tcp`, or `udp`; also `ws://`.
        ssl: TLS context; None trusts the system's authorities.
        domain: The SIP domain that the certificate of a `sips:` server has to name; None is the
            host of the URL. That of a `wss:` server names the host of its URL, always.
        reconnect: Reconnection policy; None never reconnects.
        insecure: Allow a transport without TLS to another machine.
        large_by_tcp: Send a request of more than 1,300 octets by TCP where the URL is of UDP, as
            RFC 3261 section 18.1.1 wants it; for servers that take both.

    Raises:
        SipUsageError: The URL is none of a SIP server, or has no TLS for the context.
        InsecureUrlError: A transport without TLS to another machine.
        SipTransportError: The server cannot be reached.
    """
    server = read_url(url, insecure=insecure)
    if ssl is not None and not server.kind.secure:
        raise SipUsageError(f"{url!r} is not TLS, so `ssl` would protect nothing")
    match server.kind:
        case SipTransportKind.UDP:
            udp = SipUdpTransport(
                server,
                await _address(server),
                dial_tcp=functools.partial(_open_for_large, server) if large_by_tcp else None,
            )
            await udp.open()
            return udp
        case SipTransportKind.WS | SipTransportKind.WSS:
            return await _open(server, functools.partial(open_websocket, server, ssl), reconnect)
        case SipTransportKind.TCP | SipTransportKind.TLS:
            dial = functools.partial(_dial_stream, server, ssl, domain or server.host)
            return await _open(server, dial, reconnect)
        case _ as unreachable:
            assert_never(unreachable)


async def _open(server: SipServer, dial: _Dial, policy: Reconnect | None) -> ConnectedTransport:
    try:
        async with asyncio.timeout(_OPEN_TIMEOUT):
            wire = await dial()
    except TimeoutError as error:
        raise SipTransportError(f"{server.url} does not answer") from error
    return ConnectedTransport(server, wire, dial=dial, reconnect=policy)


async def _open_for_large(server: SipServer) -> ConnectedTransport:
    by_tcp = dataclasses.replace(server, kind=SipTransportKind.TCP)
    return await _open(by_tcp, functools.partial(_dial_stream, by_tcp, None, ""), None)


async def _dial_stream(server: SipServer, ssl: SSLContext | None, domain: str) -> SipWire:
    """Open a connection to the first of its servers that can be reached."""
    failure = SipTransportError(f"{server.url} has no server")
    for host, port in await locate(server):
        try:
            return await open_stream(server, ssl, domain=domain, host=host, port=port)
        except SipTransportError as error:
            failure = error
    raise failure


async def _address(server: SipServer) -> tuple[str, int]:
    """Resolve the address of a server of UDP: where it has several, the first."""
    host, port = (await locate(server))[0]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise SipTransportError(f"{server.url} cannot be reached: {error}") from error
    return str(found[0][4][0]), port
