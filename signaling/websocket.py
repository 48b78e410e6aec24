"""Entry to a room of a signalling server: URL, TLS, and the simple case of one peer."""

from __future__ import annotations

import functools
import ipaddress
import ssl as tls
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import connect as open_websocket

from signaling.backoff import Reconnect
from signaling.channel import Channel
from signaling.errors import ConnectError, InsecureUrlError
from signaling.joining import Joining
from signaling.link import RECEIVE_LIMIT
from signaling.opening import Opening
from signaling.room import Room

if TYPE_CHECKING:
    from ssl import SSLContext

    from websockets.asyncio.client import ClientConnection

    from peer.configuration import IceServer, PeerConfiguration
    from signaling.link import Token
    from signaling.messages import Peer, PeerMessage
    from signaling.peer_channel import PeerChannel

_DEFAULT: Final = Reconnect()
#: Seconds to wait for the other half of the closing handshake.
_CLOSE_TIMEOUT: Final = 0.5


def join(
    url: str,
    *,
    room: str,
    name: str = "",
    token: Token = None,
    ssl: SSLContext | None = None,
    reconnect: Reconnect | None = _DEFAULT,
    insecure: bool = False,
    configuration: PeerConfiguration | None = None,
    opening: Opening = Opening.OFFER,
) -> Joining:
    """Join a room of a signalling server: `async with` it, which leaves it at the end, or `await`.

    Args:
        url: Of the server's WebSocket, for example `wss://example.org/signaling/ws`.
        room: Members of the same room reach each other; 1 to 128 characters.
        name: The name that other members see; at most 64 characters.
        token: What shows that we may join, where the server asks for it; or a function that gives
            the present one, which is asked again before each return.
        ssl: TLS context for `wss:`; None trusts the system's certificates.
        reconnect: Reconnection policy; None never reconnects.
        insecure: Allow a plain `ws:` URL to another machine.
        configuration: Configuration of the connections to participants; where it names no ICE
            servers, those of the room server are used.
        opening: How this end takes part in the first exchange with each participant: with offers,
            with early answers until `Participant.accept`, or with an invitation to offer.

    Raises:
        InsecureUrlError: A plain `ws:` URL to another machine.
        ConnectError: The server cannot be reached.
        JoinError: The server refuses.
    """

    async def enter() -> Room:
        check_url(url, trusting=ssl is not None, insecure=insecure)
        trust = ssl
        if trust is None and urlsplit(url).scheme == "wss":
            trust = tls.create_default_context()
        joined = Room(
            functools.partial(_dial, url, trust), reconnect, configuration, opening=opening
        )
        await joined.open(room=room, name=name, token=token)
        return joined

    return Joining(enter)


async def connect(
    url: str,
    *,
    room: str,
    name: str = "",
    token: Token = None,
    ssl: SSLContext | None = None,
    reconnect: Reconnect | None = _DEFAULT,
    insecure: bool = False,
) -> WebSocketChannel:
    """Join a room, and return the channel to the member that is present or comes first.

    Arguments and errors are those of `join`. Closing the channel leaves the room.
    """
    joined = await join(
        url, room=room, name=name, token=token, ssl=ssl, reconnect=reconnect, insecure=insecure
    )
    try:
        return WebSocketChannel(joined, await joined.next_channel())
    except BaseException:
        await joined.close()
        raise


class WebSocketChannel(Channel):
    """The channel to the one peer of a room; made by `signaling.connect`."""

    def __init__(self, room: Room, channel: PeerChannel) -> None:
        self._room = room
        self._channel = channel

    @property
    def peer(self) -> Peer:
        """The other member of the room."""
        return self._channel.peer

    @property
    def polite(self) -> bool:
        """True where this end gives way on glare, as exactly one of the two does."""
        return self._channel.polite

    @property
    def ice_servers(self) -> tuple[IceServer, ...]:
        """STUN and TURN servers that the room server names, as `Room.ice_servers`."""
        return self._room.ice_servers

    def __repr__(self) -> str:
        return f"<WebSocketChannel {self._channel!r}>"

    async def send(self, message: PeerMessage) -> None:
        await self._channel.send(message)

    async def receive(self) -> PeerMessage:
        return await self._channel.receive()

    async def close(self, reason: str = "") -> None:
        await self._channel.close(reason)
        await self._room.close()


async def _dial(url: str, ssl: SSLContext | None) -> ClientConnection:
    # `connect` itself would try again without bound where it is iterated; awaited it tries once.
    return await open_websocket(url, ssl=ssl, max_size=RECEIVE_LIMIT, close_timeout=_CLOSE_TIMEOUT)


def check_url(url: str, *, trusting: bool, insecure: bool) -> None:
    """Check that a URL is one of a WebSocket, and protected unless it leads to this machine.

    Args:
        url: The URL.
        trusting: Whether a TLS context is given for it.
        insecure: Allow a plain `ws:` URL to another machine.

    Raises:
        ConnectError: It is no such URL, or has no TLS for the context.
        InsecureUrlError: A plain `ws:` URL to another machine.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise ConnectError(f"{url!r} is no URL: {error}") from error
    if parts.scheme not in ("ws", "wss") or not host:
        raise ConnectError(f"a signalling URL is wss://host/path, not {url!r}")
    if parts.scheme == "ws" and trusting:
        raise ConnectError(f"{url!r} is not TLS, so `ssl` would protect nothing: use wss:")
    if parts.scheme == "ws" and not insecure and not _is_loopback(host):
        # RFC 5763 section 8.2: the fingerprint is worth what the signalling's integrity is worth.
        raise InsecureUrlError(
            f"{url!r} would carry fingerprints unprotected: use wss:, or insecure=True"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
