"""SIP over one TCP or TLS connection (RFC 3261 section 18), kept alive by line ends (RFC 5626)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Final

from sipmessage import URI, Via

from signaling.sip.errors import SipTransportError
from signaling.sip.framing import KeepAlive, StreamFramer
from signaling.sip.grammar import SipParameters
from signaling.sip.transport.domain import check_domain, domain_context
from signaling.sip.transport.urls import SipServer, SipTransportKind, in_brackets

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncGenerator

#: Octets that are read at once (ours).
_READ_SIZE: Final = 65_536
#: Seconds between two pings (RFC 5626 section 4.4.1: 95 to 120 s), and until the pong, which is
#: waited for from a server only that has sent one before: others need not know them.
_PING_INTERVAL: Final = 95.0
_PONG_TIMEOUT: Final = 10.0
#: Seconds for which a connection may take nothing (ours).
_SEND_TIMEOUT: Final = 10.0
#: Seconds to close a connection in order (ours).
_CLOSE_TIMEOUT: Final = 0.5
_PING: Final = b"\r\n\r\n"
_PONG: Final = b"\r\n"


class StreamWire:
    """A TCP or TLS connection to a SIP server.

    Args:
        reader: What comes.
        writer: What goes.
        kind: TCP or TLS.
    """

    def __init__(self, reader: StreamReader, writer: StreamWriter, kind: SipTransportKind) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = StreamFramer()
        self._sends_pongs = False
        self._ponged = asyncio.Event()
        host, port = writer.get_extra_info("sockname")[:2]
        self.via = Via(kind.value, in_brackets(host), port, SipParameters({"rport": None}))
        parameters = SipParameters({"transport": kind.value.lower()}, uri=True)
        self.contact = URI("sip", in_brackets(host), port=port, parameters=parameters)
        self._keeping_alive = asyncio.create_task(self._keep_alive())

    async def send(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            async with asyncio.timeout(_SEND_TIMEOUT):
                await self._writer.drain()
        except TimeoutError as error:
            self._writer.transport.abort()
            raise SipTransportError(f"the server took nothing for {_SEND_TIMEOUT} s") from error
        except OSError as error:
            raise SipTransportError(f"the connection broke: {error}") from error

    async def receive(self) -> AsyncGenerator[bytes, None]:
        while data := await self._read():
            for frame in self._framer.receive(data):
                match frame:
                    case KeepAlive.PING:
                        await self.send(_PONG)
                    case KeepAlive.PONG:
                        self._sends_pongs = True
                        self._ponged.set()
                    case bytes():
                        yield frame
        raise SipTransportError("the server closed the connection")

    async def close(self) -> None:
        self._keeping_alive.cancel()
        self._writer.close()
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self._writer.wait_closed()
        except (TimeoutError, OSError):
            self._writer.transport.abort()

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(_READ_SIZE)
        except OSError as error:
            raise SipTransportError(f"the connection broke: {error}") from error

    async def _keep_alive(self) -> None:
        with contextlib.suppress(SipTransportError):
            while True:
                await asyncio.sleep(_PING_INTERVAL)
                self._ponged.clear()
                await self.send(_PING)
                if not self._sends_pongs:
                    continue
                try:
                    async with asyncio.timeout(_PONG_TIMEOUT):
                        await self._ponged.wait()
                except TimeoutError:
                    self._writer.transport.abort()
                    return


async def open_stream(
    server: SipServer, context: ssl.SSLContext | None, *, domain: str, host: str, port: int
) -> StreamWire:
    """Open a TCP or TLS connection to a SIP server.

    Args:
        server: The server.
        context: TLS context; None trusts the system's authorities.
        domain: The SIP domain that its certificate has to name.
        host: Where it is.
        port: Its port there.

    Raises:
        SipTransportError: It cannot be reached, or is not that of the domain.
    """
    secure = server.kind is SipTransportKind.TLS
    try:
        reader, writer = await asyncio.open_connection(
            host,
            port,
            ssl=(context or domain_context()) if secure else None,
            server_hostname=domain if secure else None,
        )
    # A name that is none of DNS is a UnicodeError.
    except (OSError, UnicodeError, ssl.CertificateError) as error:
        raise SipTransportError(f"{server.url} cannot be reached: {error}") from error
    if secure:
        try:
            check_domain(writer.get_extra_info("ssl_object"), domain)
        except SipTransportError:
            writer.transport.abort()
            raise
    return StreamWire(reader, writer, server.kind)
