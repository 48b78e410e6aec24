"""SIP over one WebSocket (RFC 7118): the subprotocol `sip`, one message in each frame."""

from __future__ import annotations

import contextlib
import secrets
import ssl
from typing import TYPE_CHECKING, Final

from sipmessage import URI, Via
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from signaling.sip.errors import SipTransportError
from signaling.sip.grammar import SipParameters
from signaling.sip.parsing import MAX_MESSAGE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from websockets.asyncio.client import ClientConnection

    from signaling.sip.transport.urls import SipServer

_SIP: Final = Subprotocol("sip")
#: Seconds to wait for the other half of the closing handshake (ours).
_CLOSE_TIMEOUT: Final = 0.5
#: Seconds between two pings, and until the answer has to be there (ours; RFC 7118 section 6).
_PING_INTERVAL: Final = 20.0
_PING_TIMEOUT: Final = 20.0


class WebSocketWire:
    """A WebSocket to a SIP server.

    Args:
        connection: The WebSocket, open.
        name: Name in Via and Contact that no resolver knows (RFC 7118 section 5): the server sends
            to this connection.
        kind: `WS` or `WSS`.
    """

    def __init__(self, connection: ClientConnection, *, name: str, kind: str) -> None:
        self._connection = connection
        self.via = Via(kind, name, None, SipParameters())
        self.contact = URI("sip", name, parameters=SipParameters({"transport": "ws"}, uri=True))

    async def send(self, data: bytes) -> None:
        frame: str | bytes = data
        # Text is what browsers send; a body that is no UTF-8 goes as octets (RFC 7118 section 4).
        with contextlib.suppress(UnicodeDecodeError):
            frame = data.decode()
        try:
            await self._connection.send(frame)
        except ConnectionClosed as error:
            raise SipTransportError(f"the WebSocket is closed: {error}") from error

    async def receive(self) -> AsyncGenerator[bytes, None]:
        try:
            async for frame in self._connection:
                data = frame.encode() if isinstance(frame, str) else frame
                if data.strip(b"\r\n"):
                    yield data
        except ConnectionClosed as error:
            raise SipTransportError(f"the WebSocket broke: {error}") from error
        raise SipTransportError("the server closed the WebSocket")

    async def close(self) -> None:
        await self._connection.close()


async def open_websocket(server: SipServer, context: ssl.SSLContext | None) -> WebSocketWire:
    """Open a WebSocket to a SIP server.

    Raises:
        SipTransportError: It cannot be reached, or speaks no SIP.
    """
    if context is None and server.kind.secure:
        context = ssl.create_default_context()
    try:
        connection = await connect(
            server.url,
            ssl=context,
            subprotocols=[_SIP],
            max_size=MAX_MESSAGE,
            ping_interval=_PING_INTERVAL,
            ping_timeout=_PING_TIMEOUT,
            close_timeout=_CLOSE_TIMEOUT,
        )
    # A name that is none of DNS is a UnicodeError.
    except (OSError, UnicodeError, WebSocketException) as error:
        raise SipTransportError(f"{server.url} cannot be reached: {error}") from error
    if connection.subprotocol != _SIP:
        await connection.close()
        raise SipTransportError(f"{server.url} is no SIP server: it takes no subprotocol `sip`")
    name = f"{secrets.token_hex(6)}.invalid"
    return WebSocketWire(connection, name=name, kind=server.kind.value)
