"""Runs rtpengine, a media proxy, on the loopback, and speaks its ng protocol: bencode over UDP.

::

    async with rtpengine(folder) as proxy:
        sdp = await proxy.ask("offer", call="1", tag="a", sdp=offer.sdp)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from tests.support.clock.deadline import DEADLINE
from tests.support.network.free_ports import free_port, free_run
from tests.support.network.process_end import kill
from tests.support.project.tools import tool_path

_HOST = "127.0.0.1"
#: Seconds until a request is sent again, as it may be before rtpengine listens (ours).
_AGAIN = 0.1
#: Ports of one rtpengine (ours): a dozen m-sections of two legs take some fifty. It shares ports
#: with another rtpengine without a word (SO_REUSEADDR), so that each has its own.
_PORTS = 200
Value = int | str | list["Value"] | dict[str, "Value"]

#: What it is asked to make of a description: one for a WebRTC end.
TOWARDS_US: dict[str, Value] = {
    "ICE": "force",
    "transport-protocol": "UDP/TLS/RTP/SAVPF",
    "rtcp-mux": ["require"],
    "flags": ["generate-mid"],
    "SDES": ["off"],
}


class RtpengineError(Exception):
    """A request that rtpengine refused, in its own words."""


class Rtpengine(asyncio.DatagramProtocol):
    """The control of an rtpengine that runs.

    Attributes:
        port: Where it takes commands, of a SIP proxy as well.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._cookies = count()
        self._waiting: dict[str, asyncio.Future[dict[str, Value]]] = {}

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        self._transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        cookie, _, body = data.partition(b" ")
        waiting = self._waiting.pop(cookie.decode(), None)
        if waiting is not None and not waiting.done():
            answer, _ = decode(body, 0)
            assert isinstance(answer, dict)
            waiting.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        """Take that nothing listens yet: the request is sent again."""

    async def describe(
        self, command: str, towards: Mapping[str, Value] = TOWARDS_US, /, *, sdp: str, **tags: str
    ) -> str:
        """Let an offer or an answer through, and return what goes to the other end.

        Args:
            command: "offer" or "answer".
            towards: What it is asked to make of it.
            sdp: What one end has sent.
            tags: `call_id`, `from_tag` and, in an answer, `to_tag`, as in SIP.
        """
        named: dict[str, Value] = {name.replace("_", "-"): tag for name, tag in tags.items()}
        answer = await self.ask({"command": command, "sdp": sdp, **named, **towards})
        return str(answer["sdp"])

    async def ask(self, request: dict[str, Value]) -> dict[str, Value]:
        """Make a request, and return the answer.

        Raises:
            RtpengineError: It was refused.
        """
        cookie = f"c{next(self._cookies)}"
        answered = self._waiting[cookie] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(DEADLINE):
            while not answered.done():
                # rtpengine answers one cookie but once, whatever comes again.
                self._transport.sendto(cookie.encode() + b" " + encode(request))
                await asyncio.wait([answered], timeout=_AGAIN)
        answer: dict[str, Value] = answered.result()
        if answer["result"] == "error":
            raise RtpengineError(answer["error-reason"])
        return answer


def encode(value: Value) -> bytes:
    """Write a value in bencode."""
    match value:
        case int():
            return f"i{value}e".encode()
        case str():
            data = value.encode()
            return f"{len(data)}:".encode() + data
        case list():
            return b"l" + b"".join(map(encode, value)) + b"e"
        case dict():
            return b"d" + b"".join(encode(k) + encode(value[k]) for k in sorted(value)) + b"e"


def decode(data: bytes, at: int) -> tuple[Value, int]:
    """Read the value of bencode that stands at a place, and the place after it."""
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        values: list[Value] = []
        at += 1
        while data[at : at + 1] != b"e":
            value, at = decode(data, at)
            values.append(value)
        if kind == b"l":
            return values, at + 1
        return dict(zip(map(str, values[::2]), values[1::2], strict=True)), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end].decode(), end


@asynccontextmanager
async def rtpengine(folder: Path) -> AsyncIterator[Rtpengine]:
    """Run rtpengine until it answers."""
    port = free_port()
    first, last = free_run(_PORTS, _HOST)
    with (folder / "rtpengine.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(tool_path("rtpengine"), "--foreground", "--log-stderr", "--table=-1"),
            *(f"--interface={_HOST}", f"--listen-ng={_HOST}:{port}"),
            *("--config-file=none", "--num-threads=1", f"--pidfile={folder}/rtpengine.pid"),
            *(f"--port-min={first}", f"--port-max={last}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        loop = asyncio.get_running_loop()
        transport, proxy = await loop.create_datagram_endpoint(
            lambda: Rtpengine(port), remote_addr=(_HOST, port)
        )
        try:
            await proxy.ask({"command": "ping"})
            yield proxy
        finally:
            transport.close()
    finally:
        kill(process)
        await process.wait()
