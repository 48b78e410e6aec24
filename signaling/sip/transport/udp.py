"""SIP over UDP (RFC 3261 section 18), with symmetric responses (RFC 3581)."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
from typing import TYPE_CHECKING, Final

from sipmessage import URI, Request, Response, Via

from signaling.sip.errors import SipMessageError, SipTransportError
from signaling.sip.grammar import SipParameters
from signaling.sip.parsing import parse_message, write_message
from signaling.sip.transport.connected import ConnectedTransport
from signaling.sip.transport.events import SipMessageReceived, SipMessageRefused
from signaling.sip.transport.interface import MAX_EVENTS, SipTransport
from signaling.sip.transport.queue import TransportQueue
from signaling.sip.transport.urls import SipServer, SipTransportKind, in_brackets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

_logger = logging.getLogger(__name__)

#: Octets of a request that goes by UDP at most, where TCP may carry larger ones (RFC 3261 section
#: 18.1.1, where the MTU of the path is not known).
MAX_DATAGRAM: Final = 1300
#: Seconds between two keep-alives, which hold the mapping of a NAT (ours; some forget it after
#: 30 s). They are two line ends, which every SIP server passes over.
_KEEP_ALIVE_INTERVAL: Final = 25.0
_KEEP_ALIVE: Final = b"\r\n\r\n"


class SipUdpTransport(SipTransport):
    """SIP over one UDP socket; made by `open_transport`.

    Args:
        server: The server.
        address: Its IP address and port.
        dial_tcp: Opens a connection to it for large requests; None sends all by UDP.
    """

    def __init__(
        self,
        server: SipServer,
        address: tuple[str, int],
        *,
        dial_tcp: Callable[[], Awaitable[ConnectedTransport]] | None = None,
    ) -> None:
        self.url = server.url
        self.reliable = False
        self.secure = False
        self._address = address
        self._dial_tcp = dial_tcp
        self._tcp: ConnectedTransport | None = None
        self._forwarding: asyncio.Task[None] | None = None
        self._dialling = asyncio.Lock()
        self._queue = TransportQueue(MAX_EVENTS)
        self._dropped = 0
        self._socket: asyncio.DatagramTransport
        self._keeping_alive: asyncio.Task[None]
        self._via: Via
        self._contact: URI

    async def open(self) -> None:
        """Bind a socket on the address of ours that reaches the server.

        Raises:
            SipTransportError: There is no way to the server.
        """
        loop = asyncio.get_running_loop()
        try:
            host = _local_address(self._address)
            self._socket, _ = await loop.create_datagram_endpoint(
                lambda: _Receiver(self), local_addr=(host, 0)
            )
        except OSError as error:
            raise SipTransportError(f"{self.url} cannot be reached: {error}") from error
        port: int = self._socket.get_extra_info("sockname")[1]
        host = in_brackets(host)
        self._via = Via(SipTransportKind.UDP.value, host, port, SipParameters({"rport": None}))
        parameters = SipParameters({"transport": "udp"}, uri=True)
        self._contact = URI("sip", host, port=port, parameters=parameters)
        self._keeping_alive = asyncio.create_task(self._keep_alive())

    @property
    def via(self) -> Via:
        return self._via

    @property
    def contact(self) -> URI:
        return self._contact

    async def send(self, message: Request | Response, flow: Hashable = None) -> None:
        match flow:
            case ConnectedTransport():
                await flow.send(message)
                return
            case (str(host), int(port)):
                to = (host, port)
            case _:
                to = self._address
        data = write_message(message)
        is_large = isinstance(message, Request) and len(data) > MAX_DATAGRAM
        if is_large and self._dial_tcp and await self._send_by_tcp(data):
            return
        if self._socket.is_closing():
            raise SipTransportError(f"the transport to {self.url} is closed")
        self._socket.sendto(data, to)

    async def close(self) -> None:
        self._queue.end(f"the transport to {self.url} is closed")
        self._socket.close()
        tasks = [task for task in (self._keeping_alive, self._forwarding) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._tcp is not None:
            await self._tcp.close()

    def take(self, data: bytes, source: tuple[str, int]) -> None:
        """Take a datagram, which is dropped where too many wait: its sender will repeat it."""
        if not data.strip(b"\r\n\0"):
            return
        try:
            message = parse_message(data)
        except SipMessageError as error:
            _logger.debug("%s:%d sent what is no SIP message: %s", *source, error.reason)
            flow = _way_back(error.request, source) if error.request else source
            taken = self._queue.offer(SipMessageRefused(error, flow))
        else:
            flow = _way_back(message, source) if isinstance(message, Request) else source
            taken = self._queue.offer(SipMessageReceived(message, flow))
        if not taken:
            self._dropped += 1
            # At 1, 2, 4, 8 ...: a flood is no flood of the log.
            if self._dropped.bit_count() == 1:
                _logger.warning("%s dropped %d messages that nobody took", self, self._dropped)

    async def _send_by_tcp(self, data: bytes) -> bool:
        try:
            large = parse_message(data)
            tcp = await self._connected()
            mine, *others = large.via
            via = dataclasses.replace(tcp.via, parameters=mine.parameters)
            large.via = [via, *others]
            await tcp.send(large)
        except (SipTransportError, SipMessageError) as error:
            # RFC 3261 section 18.1.1: what does not go by TCP is tried by UDP.
            _logger.info("%s sends a large request by UDP: %s", self, error)
            return False
        return True

    async def _connected(self) -> ConnectedTransport:
        """Return the connection for large requests, opened where there is none."""
        assert self._dial_tcp is not None
        async with self._dialling:
            if self._tcp is None:
                self._tcp = await self._dial_tcp()
                self._forwarding = asyncio.create_task(self._forward(self._tcp))
            return self._tcp

    async def _forward(self, tcp: ConnectedTransport) -> None:
        async for event in tcp.events():
            match event:
                case SipMessageReceived() | SipMessageRefused():
                    await self._queue.put(dataclasses.replace(event, flow=tcp))
                case _:
                    pass
        self._tcp = None
        await tcp.close()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_ALIVE_INTERVAL)
            self._socket.sendto(_KEEP_ALIVE, self._address)


class _Receiver(asyncio.DatagramProtocol):
    """Hands datagrams to their transport."""

    def __init__(self, owner: SipUdpTransport) -> None:
        self._owner = owner

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._owner.take(data, addr[:2])

    def error_received(self, exc: Exception) -> None:
        """Note that nobody listens there yet: a request is repeated, and gives up by itself."""
        _logger.debug("%s: %s", self._owner, exc)


def _way_back(request: Request, source: tuple[str, int]) -> tuple[str, int]:
    """Note in a request where it came from, and return where its responses go.

    RFC 3261 sections 18.2.1 and 18.2.2: to the address that it came from, at the port of `Via`;
    with `rport` at the port that it came from (RFC 3581 section 4).
    """
    host, port = source
    via, *others = request.via
    changes: dict[str, str | None] = {}
    if via.host.strip("[]") != host:
        changes["received"] = host
    if "rport" in via.parameters:
        changes |= {"received": host, "rport": str(port)}
    if changes:
        parameters = via.parameters.replace(**changes)
        request.via = [dataclasses.replace(via, parameters=parameters), *others]
    if "rport" in via.parameters:
        return host, port
    return host, via.port or SipTransportKind.UDP.default_port


def _local_address(server: tuple[str, int]) -> str:
    """Return the address of this machine from which datagrams to the server go; none is sent."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        host: str = probe.getsockname()[0]
        return host
