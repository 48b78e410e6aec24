"""Rekeys and ICE restarts that a page requests during its call.

A page sends requests on the data channel `changes`, one at a time, and gets the result there.
"""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Final, assert_never

import msgspec

from peer import InvalidStateError
from peer.tracing.events import PathSelected
from peer.transport.dtls import reasons

if TYPE_CHECKING:
    from peer import DataChannel, PeerConnection
    from peer.tracing.events import TraceEvent

#: Seconds until an ICE restart without a new path has failed (ours; checks take milliseconds).
_TIMEOUT: Final = 15.0
#: The reason of a rekey that the peer agreed to, and for which it began no association.
_KEPT: Final = reasons.kept()


class Change(StrEnum):
    """Changes of a connection that a page can request."""

    REKEY = "rekey"
    RESTART_ICE = "restart-ice"


class ChangeRequest(msgspec.Struct, frozen=True):
    """Message of a page that requests a change."""

    change: Change


class ChangeResult(msgspec.Struct, frozen=True):
    """Message to the page with the result of its request.

    Args:
        change: The requested change.
        changed: Whether it took place.
        seconds: Time from the request to the result.
        kept: Whether the page's browser keeps its keys during a call, as Firefox does: no failure.
        reason: Why it did not take place; one sentence without its stop.
        path: The new path of ICE, where there is one.
    """

    change: Change
    changed: bool
    seconds: float
    kept: bool = False
    reason: str = ""
    path: str = ""


class PathWatch:
    """Trace sink that remembers the selected path, and lets a task wait for the next one."""

    def __init__(self) -> None:
        self._moved = asyncio.Event()
        self._path = ""

    def __call__(self, event: TraceEvent) -> None:
        """Take an event of the connection's trace."""
        if isinstance(event, PathSelected):
            self._path = f"{event.local} → {event.remote}"
            self._moved.set()

    async def moved(self) -> str:
        """Wait for another path than the present one, and return it."""
        self._moved.clear()
        await self._moved.wait()
        return self._path


class Changes:
    """Carries out the changes that one page requests.

    Args:
        connection: The connection to the page.
        paths: A trace sink of the same connection.
    """

    def __init__(self, connection: PeerConnection, paths: PathWatch) -> None:
        self._connection = connection
        self._paths = paths
        self._channel: DataChannel | None = None
        self._request: ChangeRequest | None = None
        self._requested = asyncio.Event()

    def attach(self, channel: DataChannel) -> None:
        """Serve the requests of this channel; later channels are ignored, as a page has one."""
        if self._channel is None:
            self._channel = channel
            channel.on("message", self._on_message)

    async def run(self) -> None:
        """Carry out requests until cancelled."""
        while True:
            await self._requested.wait()
            if self._request is not None:
                result = await self._fulfil(self._request)
                self._tell(result)
            # What a page asks for while it waits, it asks for in vain: its buttons are off by then.
            self._request = None
            self._requested.clear()

    def _on_message(self, message: str | bytes) -> None:
        try:
            self._request = msgspec.json.decode(message, type=ChangeRequest)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return
        self._requested.set()

    async def _fulfil(self, request: ChangeRequest) -> ChangeResult:
        match request.change:
            case Change.REKEY:
                return await self._rekey()
            case Change.RESTART_ICE:
                return await self._restart()
            case _:
                assert_never(request.change)

    async def _rekey(self) -> ChangeResult:
        began = time.monotonic()
        try:
            result = await self._connection.rekey()
        except InvalidStateError as error:
            return _refused(Change.REKEY, str(error), began)
        return ChangeResult(
            change=Change.REKEY,
            changed=result.changed,
            seconds=result.duration,
            kept=not result.changed and result.reason == _KEPT,
            reason="" if result.changed else result.reason,
        )

    async def _restart(self) -> ChangeResult:
        began = time.monotonic()
        try:
            self._connection.restartIce()
            async with asyncio.timeout(_TIMEOUT):
                path = await self._paths.moved()
        except InvalidStateError as error:
            return _refused(Change.RESTART_ICE, str(error), began)
        except TimeoutError:
            reason = f"no other path was found within {_TIMEOUT:g} s"
            return _refused(Change.RESTART_ICE, reason, began)
        seconds = time.monotonic() - began
        return ChangeResult(change=Change.RESTART_ICE, changed=True, seconds=seconds, path=path)

    def _tell(self, result: ChangeResult) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(msgspec.json.encode(result).decode())


def _refused(change: Change, reason: str, began: float) -> ChangeResult:
    return ChangeResult(
        change=change, changed=False, seconds=time.monotonic() - began, reason=reason
    )
