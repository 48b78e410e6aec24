"""Attacks on one room server together: each refused by name, and others notice nothing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import resource
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jwt
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.clock.deadline import DEADLINE
from tests.support.project.handfast_program import handfast_program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_KEY: Final = "the key of these tests, of thirty-two octets"
#: WebSockets with a message that never ends, and octets of each that arrive.
_SOCKETS, _ARRIVING = 1000, 4096
#: Bytes that the server may take for each of them: what has arrived, TLS-less sockets, tasks.
_BOUND: Final = 128 * 1024
#: Open files with which a program begins on most systems.
_USUAL_FILES: Final = 1024


def _token(room: str, name: str, *, key: str = _KEY, **claims: Any) -> str:
    standard = {"aud": "here", "exp": time.time() + 86400}
    return jwt.encode({**standard, "room": room, "name": name, **claims}, key, algorithm="HS256")


@contextlib.contextmanager
def _open_files(most: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Server:
    """The program `handfast serve` with tokens; a client of it is plain JSON."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.port = int(re.findall(r":(\d+)/", url)[0])
        self._pid = pid

    @property
    def most_memory(self) -> int:
        """Bytes of memory that the server has had at most."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) * 1024

    @contextlib.asynccontextmanager
    async def member(self, **first: Any) -> AsyncIterator[tuple[ClientConnection, dict[str, Any]]]:
        """Send a first message; yields the WebSocket and the answer."""
        async with open_websocket(self.url, compression=None, close_timeout=0.5) as websocket:
            await websocket.send(json.dumps({"type": "join", **first}))
            answer = json.loads(await websocket.recv())
            yield websocket, answer

    async def refusal(self, **first: Any) -> str:
        async with self.member(**first) as (websocket, answer):
            await websocket.wait_closed()
            assert websocket.close_reason == answer["code"]
        return str(answer["code"])


@contextlib.asynccontextmanager
async def _serving(tmp_path: Path) -> AsyncIterator[Server]:
    (tmp_path / "key").write_text(_KEY)
    options = ("--jwt-key", str(tmp_path / "key"), "--jwt-audience", "here")
    async with contextlib.AsyncExitStack() as stack:
        with _open_files(_USUAL_FILES):
            program = await stack.enter_async_context(
                handfast_program("serve", "--port", "0", "--allow-host", "rooms.example", *options)
            )
        assert program.stdout is not None
        said = (await program.stdout.readline()).decode()
        (url,) = re.findall(r"ws://127\.0\.0\.1:\d+/ws", said)
        yield Server(url, program.pid)


async def _converse(first: ClientConnection, second: ClientConnection, end: asyncio.Event) -> int:
    """Two members exchange numbered messages: none is lost, and nothing else arrives."""
    number = 0
    while not end.is_set():
        number += 1
        await first.send(json.dumps({"type": "offer", "sdp": str(number)}))
        heard = json.loads(await second.recv())
        assert (heard["type"], heard["sdp"]) == ("offer", str(number))
        await second.send(json.dumps({"type": "answer", "sdp": str(number)}))
        heard = json.loads(await first.recv())
        assert (heard["type"], heard["sdp"]) == ("answer", str(number))
    return number


async def _wrong_tokens(server: Server) -> None:
    unsigned = jwt.encode({"aud": "here", "exp": time.time() + 600}, "", algorithm="none")
    refused = {
        "none": await server.refusal(room="lobby"),
        "of another key": await server.refusal(
            room="lobby", token=_token("lobby", "Eve", key="x" * 32)
        ),
        "unsigned": await server.refusal(room="lobby", token=unsigned),
        "expired": await server.refusal(
            room="lobby", token=_token("lobby", "Eve", exp=time.time() - 60)
        ),
        "of another server": await server.refusal(
            room="lobby", token=_token("lobby", "Eve", aud="there")
        ),
        "for another room": await server.refusal(room="lobby", token=_token("hall", "Eve")),
    }
    assert refused.pop("for another room") == "forbidden"
    assert set(refused.values()) == {"unauthorized"}


async def _stolen_seats(server: Server) -> None:
    ada, eve = _token("office", "Ada"), _token("office", "Eve")
    async with (
        server.member(room="office", token=ada, resumable=True) as (owner, joined),
        server.member(room="office", token=eve) as (thief, _),
    ):
        assert json.loads(await owner.recv())["type"] == "peer-joined"
        seat = {"type": "resume", "session": joined["session"]}
        assert await server.refusal(**seat, received=0, token=eve) == "forbidden"
        assert await server.refusal(**seat, received=0) == "unauthorized"
        guess = {**seat, "session": "x" * len(joined["session"])}
        assert await server.refusal(**guess, received=0, token=ada) == "unknown-session"
        # A count that the server never reached.
        assert await server.refusal(**seat, received=99, token=ada) == "unknown-session"
        # None of it has touched the owner, who is answered.
        await owner.send(json.dumps({"type": "offer", "sdp": "v", "to": "nobody"}))
        assert json.loads(await owner.recv())["code"] == "no-such-peer"
        await owner.close(1000)
        assert json.loads(await thief.recv())["type"] == "peer-left"
        # A return that was recorded, and is played again after the end.
        assert await server.refusal(**seat, received=0, token=ada) == "unknown-session"


async def _other_rooms(server: Server, victim: str) -> None:
    async with server.member(room="hall", token=_token("hall", "Eve")) as (websocket, _):
        await websocket.send(json.dumps({"type": "offer", "sdp": "v", "to": victim}))
        assert json.loads(await websocket.recv())["code"] == "no-such-peer"
        # Whoever names another sender is not believed; nobody of the lobby hears it.
        await websocket.send(json.dumps({"type": "bye", "from": victim}))
        assert json.loads(await websocket.recv())["code"] == "no-such-peer"


async def _rebound_names(server: Server) -> None:
    async def page(name: str) -> None:
        url, origin = f"ws://{name}:{server.port}/ws", f"http://{name}:{server.port}"
        async with open_websocket(url, origin=origin, host="127.0.0.1", port=server.port):  # type: ignore[arg-type] # Origin is a NewType of str
            pass

    await page("rooms.example")
    with pytest.raises(InvalidStatus, match="403"):
        await page("evil.example")


async def _floods(server: Server) -> None:
    """One that sends much, and one that sends nonsense, in a room with others."""
    async with (
        server.member(room="crowd", token=_token("crowd", "Ada")) as (listener, _),
        server.member(room="crowd", token=_token("crowd", "Eve")) as (flooder, _),
        server.member(room="crowd", token=_token("crowd", "Mallory")) as (babbler, _),
    ):
        for number in range(250):
            await flooder.send(json.dumps({"type": "offer", "sdp": str(number)}))
        heard = [json.loads(await listener.recv()) for _ in range(252)]
        # Slower than it was sent, and whole.
        offers = [message["sdp"] for message in heard if message["type"] == "offer"]
        assert offers == [str(number) for number in range(250)]
        for _ in range(3):
            await babbler.send("nonsense")
        with contextlib.suppress(ConnectionClosed):
            while True:
                await babbler.recv()
        assert babbler.close_reason == "malformed"


async def _unfinished(server: Server, halfway: asyncio.Semaphore) -> bytes:
    """Begin a message that never ends; returns what the server says of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            (
                f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            ).encode()
        )
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        # RFC 6455 section 5.2: a text frame of 300,000 octets, masked with zeros.
        writer.write(b"\x81\xff" + struct.pack("!Q", 300_000) + bytes(4) + b" " * _ARRIVING)
        halfway.release()
        return await reader.read()
    finally:
        writer.close()


async def _thousand_unfinished(server: Server) -> None:
    begun = asyncio.Semaphore(0)
    before = server.most_memory
    with _open_files(_SOCKETS + 4 * _USUAL_FILES):
        async with asyncio.TaskGroup() as tasks:
            said = [tasks.create_task(_unfinished(server, begun)) for _ in range(_SOCKETS)]
            for _ in range(_SOCKETS):
                await begun.acquire()
            # Whoever comes meanwhile is let in.
            async with server.member(room="yard", token=_token("yard", "Ada")) as (_, answer):
                assert answer["type"] == "joined"
    assert server.most_memory - before < _SOCKETS * _BOUND
    assert all(b'"idle"' in each.result() for each in said)


async def test_attacks_together_are_refused_by_name_and_others_notice_nothing(
    tmp_path: Path,
) -> None:
    async with (
        asyncio.timeout(2 * DEADLINE),
        _serving(tmp_path) as server,
        server.member(room="lobby", token=_token("lobby", "Grace")) as (first, joined),
        server.member(room="lobby", token=_token("lobby", "Alan")) as (second, _),
    ):
        assert json.loads(await first.recv())["type"] == "peer-joined"
        end = asyncio.Event()
        async with asyncio.TaskGroup() as calm:
            conversation = calm.create_task(_converse(first, second, end))
            async with asyncio.TaskGroup() as attacks:
                attacks.create_task(_wrong_tokens(server))
                attacks.create_task(_stolen_seats(server))
                attacks.create_task(_other_rooms(server, joined["member"]))
                attacks.create_task(_rebound_names(server))
                attacks.create_task(_floods(server))
            await _thousand_unfinished(server)
            end.set()
        assert conversation.result() > 10
