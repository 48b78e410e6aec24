"""A member of a room at an ASGI app, without a network: its frames are what the app is handed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message


class AsgiMember:
    """The ASGI server's side of one WebSocket.

    Attributes:
        joined: The answer to its join.
        reads: The app waits where it sends to this member while it is not set.
        serving: The app's work for this member.
    """

    serving: asyncio.Future[None]

    def __init__(self) -> None:
        self.joined: dict[str, Any] = {}
        self.reads = asyncio.Event()
        self.reads.set()
        self.to_app: asyncio.Queue[Message] = asyncio.Queue()
        self.from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def from_server(self, event: Message) -> None:
        """Take what the app sends."""
        await self.reads.wait()
        self.from_app.put_nowait(event)

    def send(self, **message: Any) -> None:
        """Hand the app one message, which it reads when it likes."""
        self.to_app.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def receive(self) -> dict[str, Any]:
        """Wait for a message of the app."""
        event = await self.from_app.get()
        assert event["type"] == "websocket.send", event
        message: dict[str, Any] = json.loads(event["text"])
        return message

    async def until(self, kind: str) -> dict[str, Any]:
        """Wait for a message of this type."""
        while (message := await self.receive())["type"] != kind:
            pass
        return message


@contextlib.asynccontextmanager
async def asgi_member(
    app: ASGIApp, room: object, *, leaves: bool = True, **fields: Any
) -> AsyncIterator[AsgiMember]:
    """Join a room; at the end the member leaves, or its connection breaks.

    Raises:
        AssertionError: It is refused; the message has the code.
    """
    member = AsgiMember()
    scope = {
        "type": "websocket",
        "path": "/ws",
        "headers": [(b"host", b"127.0.0.1")],
        "query_string": b"",
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    member.to_app.put_nowait({"type": "websocket.connect"})
    member.serving = asyncio.ensure_future(app(scope, member.to_app.get, member.from_server))
    answered = await member.from_app.get()
    if answered["type"] != "websocket.accept":
        await member.serving
        raise AssertionError(f"refused: {answered.get('status', answered)}")
    member.send(**{"type": "join", "room": room, **fields})
    try:
        member.joined = await member.receive()
        assert member.joined["type"] == "joined", f"refused: {member.joined.get('code')}"
        yield member
    finally:
        code = 1000 if leaves else 1006
        member.to_app.put_nowait({"type": "websocket.disconnect", "code": code})
        await member.serving
