"""Debugging connection to a browser: commands and answers over one WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Any, Self

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from websockets.asyncio.client import ClientConnection

_MAX_MESSAGE = 64 * 1024 * 1024  # a screenshot of a long page, in base64


class RemoteError(Exception):
    """A browser refused a command, or is gone."""


class Remote:
    """Sends numbered commands, matches their answers, and passes events on.

    Chrome DevTools Protocol and WebDriver BiDi have this much in common.
    """

    def __init__(self, url: str, on_event: Callable[[str, dict[str, Any]], None]) -> None:
        self._url = url
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def __aenter__(self) -> Self:
        self._socket: ClientConnection = await connect(
            self._url,
            max_size=_MAX_MESSAGE,
            proxy=None,
            compression=None,
            open_timeout=DEADLINE,
            # Each command has its own deadline: a busy browser may answer no ping for 20 s.
            ping_interval=None,
        )
        self._reader = asyncio.create_task(self._read(), name="browser remote")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._socket.close()
        await self._reader

    async def call(
        self,
        method: str,
        params: dict[str, object] | None = None,
        *,
        timeout: float = DEADLINE,
        **envelope: object,
    ) -> Any:
        """Send one command and wait for its result."""
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        message = {"id": number, "method": method, "params": params or {}, **envelope}
        try:
            async with asyncio.timeout(timeout):
                await self._socket.send(json.dumps(message))
                return await answer
        except ConnectionClosed as error:
            raise RemoteError(f"the browser is gone; {method} was not answered") from error
        finally:
            del self._waiting[number]

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self._socket:
                self._receive(json.loads(text))
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(RemoteError("the browser is gone"))

    def _receive(self, message: dict[str, Any]) -> None:
        answer = self._waiting.get(message["id"]) if message.get("id") is not None else None
        if "method" in message:
            self._on_event(message["method"], message)
        elif answer is None or answer.done():
            return
        elif "error" in message:
            # BiDi: a code and a message beside each other; CDP: an object of both.
            detail = message.get("message") or message["error"]
            answer.set_exception(RemoteError(str(detail)))
        else:
            answer.set_result(message["result"])
