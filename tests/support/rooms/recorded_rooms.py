"""A room server that records, as `handfast serve --recordings` runs it, and a plain member."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import jwt
from websockets.asyncio.client import connect

from handfast.room_page import RECORDINGS_PATH
from handfast.room_recordings.bounds import RecordingBounds
from handfast.serving import ServeOptions, serve
from handfast.web_server import WebServerOptions
from signaling.server import JwtAuthorizer, Limits, TokenAlgorithm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from ssl import SSLContext


_SECRET = "a secret of thirty-two octets or more"
#: Judge of the tokens that `room_token` makes.
TOKENS = JwtAuthorizer(key=_SECRET, algorithm=TokenAlgorithm.HS256, audience="rooms")


def room_token(room: str, /, **claims: Any) -> str:
    """Make a token for a room, with these claims besides or instead."""
    wanted = {"aud": "rooms", "exp": time.time() + 600, "room": room, **claims}
    return jwt.encode(wanted, _SECRET, algorithm="HS256")


@dataclass(frozen=True)
class RecordingServer:
    """A room server that records.

    Args:
        url: Of its rooms, with `ws:`.
        stop: Ends it.
        running: Ends with it.
    """

    url: str
    stop: asyncio.Event
    running: asyncio.Task[None]

    @property
    def http(self) -> str:
        """Address of its pages."""
        return self.url.replace("ws", "http", 1).removesuffix("/ws")

    def client(self) -> httpx.AsyncClient:
        """Return a client of its pages."""
        return httpx.AsyncClient(base_url=self.http)


@contextlib.asynccontextmanager
async def recording_server(
    folder: Path | None,
    *,
    bounds: RecordingBounds | None = None,
    tokens: JwtAuthorizer | None = None,
    members_per_room: int = 16,
    certificate: tuple[Path, Path] | None = None,
) -> AsyncIterator[RecordingServer]:
    """Run a room server on a free port.

    Args:
        folder: Where it keeps recordings; None where it records nothing.
        bounds: Bounds of the recordings.
        tokens: Judge of tokens.
        members_per_room: Most members of one room.
        certificate: Files of a certificate and its key, for https.
    """
    certfile, keyfile = certificate or (None, None)
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    options = ServeOptions(
        web=WebServerOptions(port=0, certfile=certfile, keyfile=keyfile),
        limits=Limits(members_per_room=members_per_room),
        tokens=tokens,
        recordings=folder,
        recording_bounds=bounds or RecordingBounds(),
    )
    running = asyncio.create_task(serve(options, stop, ready.set_result))
    await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
    try:
        if not ready.done():
            await running
        yield RecordingServer(ready.result(), stop, running)
    finally:
        stop.set()
        await asyncio.wait([running])
        running.result()


@dataclass
class PlainMember:
    """A member of a room that has no connections: it sees who comes, and asks for recordings.

    Args:
        client: A client of the server's pages.
        session: Secret of its session.
        token: The token that it joined with.
        peers: Names of the others who are there, by member.
    """

    client: httpx.AsyncClient
    session: str
    token: str | None = None
    peers: dict[str, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def order(self, **fields: Any) -> httpx.Response:
        """Ask for a recording of the room."""
        body = {"session": self.session, **fields}
        if self.token is not None:
            body.setdefault("token", self.token)
        return await self.client.post(RECORDINGS_PATH, json=body)

    async def until(self, *names: str) -> None:
        """Wait until exactly these others are there."""
        while sorted(self.peers.values()) != sorted(names):
            self.changed.clear()
            await self.changed.wait()

    def read(self, message: dict[str, Any]) -> None:
        """Take a message of the server."""
        if message["type"] == "peer-joined":
            self.peers[message["member"]] = message["name"]
        elif message["type"] == "peer-left":
            self.peers.pop(message["member"], None)
        self.changed.set()


@contextlib.asynccontextmanager
async def plain_member(
    url: str,
    *,
    room: str,
    name: str,
    token: str | None = None,
    trust: SSLContext | None = None,
) -> AsyncIterator[PlainMember]:
    """Be a member of a room of the server whose `ws:` address this is; it sends nothing there."""
    pages = url.replace("ws", "http", 1).removesuffix("/ws")
    async with (
        httpx.AsyncClient(base_url=pages, verify=trust or True) as client,
        connect(url, ssl=trust) as websocket,
    ):
        first = {"type": "join", "room": room, "name": name, "resumable": True}
        await websocket.send(json.dumps(first if token is None else {**first, "token": token}))
        joined = json.loads(await websocket.recv())
        peers = {each["member"]: each["name"] for each in joined["peers"]}
        member = PlainMember(client, joined["session"], token, peers)

        async def read() -> None:
            async for text in websocket:
                member.read(json.loads(text))

        reading = asyncio.create_task(read())
        try:
            yield member
        finally:
            reading.cancel()
            await asyncio.wait([reading])
