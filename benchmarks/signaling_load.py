"""Load of the signalling benchmark: WebSocket clients that cost less than any server.

A client of a library takes as long for a message as the server does. These write frames that are
made before (masked with zeros, RFC 6455 section 5.3), and read no more of a frame than its length
and a mark.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Stands in each message that is measured.
MARK: Final = b"bench-mark"
#: Opcodes of RFC 6455 section 5.2.
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
#: Seconds until a client has to be let in (ours).
_TIMEOUT: Final = 120.0
#: Clients that come at one time: fewer than wait to be accepted.
_AT_ONCE: Final = 64


class LoadError(Exception):
    """A server did something else than the benchmark asked of it."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What clients of one server say.

    Args:
        path: Path of a client's WebSocket, by its number.
        hello: Its first message; None where the path says all.
        greeting: Stands in the answer that lets it in; None where there is none.
        message: A message of some octets to the other one of its pair, by its number.
        ping: The server's question after silence, and the answer; None where it has none.
    """

    path: Callable[[int], str]
    hello: Callable[[int], str] | None
    greeting: bytes | None
    message: Callable[[int, str], str]
    ping: tuple[bytes, bytes] | None = None


def frame(text: bytes, opcode: int = _TEXT) -> bytes:
    """Write a frame of a client, masked with zeros."""
    size = len(text)
    head = bytearray([0x80 | opcode])
    if size < 126:
        head.append(0x80 | size)
    elif size < 65536:
        head += bytes([0x80 | 126]) + size.to_bytes(2)
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8)
    return bytes(head) + bytes(4) + text


class Client(asyncio.Protocol):
    """One client.

    Args:
        dialect: What it says.
        number: Its own; that of the other one of its pair differs in the last bit.
        compression: Offer permessage-deflate, as browsers do; what is compressed is not read.
    """

    def __init__(self, dialect: Dialect, number: int, *, compression: bool = False) -> None:
        self._dialect = dialect
        self._number = number
        self._compression = compression
        self._buffer = bytearray()
        self._upgraded = False
        self._transport: asyncio.Transport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: Called with each message that is measured.
        self.on_message: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket; called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if self._compression else ""
        transport.write(
            f"GET {self._dialect.path(self._number)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n{offer}\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail where it was not let in; called by asyncio."""
        if not self.ready.done():
            self.ready.set_exception(LoadError(f"client {self._number} was not let in"))

    def data_received(self, data: bytes) -> None:
        """Read frames; called by asyncio."""
        buffer = self._buffer
        buffer += data
        if not self._upgraded:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                self.close()
                return
            del buffer[: end + 4]
            self._upgraded = True
            if self._dialect.hello is not None:
                self.write(frame(self._dialect.hello(self._number).encode()))
            if self._dialect.greeting is None:
                self.ready.set_result(None)
        at, size = 0, len(buffer)
        while size - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(buffer[at + 2 : at + 4]), at + 4
            elif length == 127:
                length, start = int.from_bytes(buffer[at + 2 : at + 10]), at + 10
            if start + length > size:
                break
            self._frame(buffer[at], buffer[start : start + length])
            at = start + length
        del buffer[:at]

    def _frame(self, first: int, payload: bytearray) -> None:
        opcode = first & 0x0F
        if opcode == _PING:
            self.write(frame(bytes(payload), _PONG))
        elif opcode == _CLOSE:
            self.close()
        elif MARK in payload:
            self.on_message()
        elif not self.ready.done():
            # The first bit of an extension, RSV1: the text is compressed.
            if first & 0x40 or (self._dialect.greeting or b"") in payload:
                self.ready.set_result(None)
        elif self._dialect.ping is not None and self._dialect.ping[0] in payload:
            self.write(frame(self._dialect.ping[1]))

    def write(self, data: bytes) -> None:
        """Send octets."""
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        """End the TCP connection."""
        assert self._transport is not None
        self._transport.abort()


async def connect(
    dialect: Dialect, port: int, numbers: range, *, compression: bool = False
) -> list[Client]:
    """Let clients in, some at one time."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> Client:
        async with gate:
            _, client = await loop.create_connection(
                lambda: Client(dialect, number, compression=compression), "127.0.0.1", port
            )
            await client.ready
            return client

    async with asyncio.timeout(_TIMEOUT):
        return await asyncio.gather(*map(one, numbers))


@dataclass(slots=True)
class Flow:
    """Messages of one client to the other of its pair.

    Args:
        sender: The client that sends.
        frames: What it sends, again and again.
    """

    sender: Client
    frames: tuple[bytes, ...]
    delays: list[float] = field(default_factory=list)
    _sent: deque[float] = field(default_factory=deque)
    _next: int = 0

    def send(self) -> None:
        """Send the next message."""
        self._sent.append(asyncio.get_running_loop().time())
        self.sender.write(self.frames[self._next])
        self._next = (self._next + 1) % len(self.frames)

    def arrived(self) -> None:
        """Note that the oldest message has come."""
        self.delays.append(asyncio.get_running_loop().time() - self._sent.popleft())


def flows(dialect: Dialect, clients: list[Client], bodies: tuple[str, ...]) -> list[Flow]:
    """Join each client to the other of its pair."""
    made = []
    for number, sender in enumerate(clients):
        frames = tuple(frame(dialect.message(number, body).encode()) for body in bodies)
        flow = Flow(sender, frames)
        clients[number ^ 1].on_message = flow.arrived
        made.append(flow)
    return made


async def saturate(flows: list[Flow], seconds: float) -> int:
    """Keep one message of each flow on its way; return how many arrived."""
    running = True

    def follow(flow: Flow, receiver: Client) -> None:
        def arrived() -> None:
            flow.arrived()
            if running:
                flow.send()

        receiver.on_message = arrived

    for number, flow in enumerate(flows):
        follow(flow, flows[number ^ 1].sender)
    before = sum(len(flow.delays) for flow in flows)
    for flow in flows:
        flow.send()
    await asyncio.sleep(seconds)
    running = False
    return sum(len(flow.delays) for flow in flows) - before


async def at_rate(flows: list[Flow], rate: float, seconds: float) -> list[float]:
    """Send at a rate that the server can take; return the delays of the messages in seconds."""
    for number, flow in enumerate(flows):
        flow.delays.clear()
        flows[number ^ 1].sender.on_message = flow.arrived
    loop = asyncio.get_running_loop()
    begun, sent = loop.time(), 0
    while (passed := loop.time() - begun) < seconds:
        while sent < passed * rate:
            flows[sent % len(flows)].send()
            sent += 1
        await asyncio.sleep(0.001)
    return [delay for flow in flows for delay in flow.delays]
