"""One WebSocket of one member: passes frames between it and the rooms until either ends."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from signaling.errors import ErrorCode
from signaling.messages import Error, Ping, encode, octets_of
from signaling.server.rate import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from signaling.server.limits import Limits

#: WebSocket close code: the endpoint broke a rule (RFC 6455 section 7.4.1).
POLICY_VIOLATION: Final = 1008
#: WebSocket close code: no room at present (IANA WebSocket registry).
_TRY_AGAIN_LATER: Final = 1013
#: WebSocket close code: the server stops, or cannot serve for a while, and the member is to return
#: (IANA WebSocket registry).
SERVICE_RESTART: Final = 1012
#: Seconds that a slow reader has for the last error (ours).
_CLOSE_TIMEOUT: Final = 2.0
_PING: Final = encode(Ping())
#: Seconds by which a timer of asyncio may be early: the resolution of the clock.
_RESOLUTION: Final = time.get_clock_info("monotonic").resolution


async def receive_frame(websocket: WebSocket) -> str | bytes:
    """Wait for the next frame of a WebSocket.

    Raises:
        WebSocketDisconnect: The WebSocket is closed.
    """
    event = await websocket.receive()
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code", 1005), event.get("reason"))
    text: str | None = event.get("text")
    return event["bytes"] if text is None else text


async def dismiss(websocket: WebSocket, error: Error) -> None:
    """Send the error and close the WebSocket, within two seconds even for a slow reader.

    Of a server that is unavailable the close alone tells: its members count errors as messages of
    their session, and this session goes on.
    """
    full = error.code in (ErrorCode.ROOM_FULL, ErrorCode.SERVER_FULL)
    code = _TRY_AGAIN_LATER if full else POLICY_VIOLATION
    away = error.code is ErrorCode.UNAVAILABLE
    with suppress(TimeoutError, WebSocketDisconnect):
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            if away:
                code = SERVICE_RESTART
            else:
                await _send(websocket, encode(error))
            await websocket.close(code, error.code.value)


async def _send(websocket: WebSocket, text: str) -> None:
    try:
        await websocket.send_text(text)
    except RuntimeError as error:
        # So uvicorn says that it has closed the WebSocket by itself, after an unanswered ping.
        raise WebSocketDisconnect(1006) from error


class MemberConnection:
    """Serves one member over one WebSocket.

    While nothing happens it is one task, that of the ASGI server, and a timer: idle members are
    many.

    Args:
        websocket: Accepted, and its first frame read.
        limits: Bounds of the server.
        reply: The frame to send first.
        take: Returns the next frame for this member, or None.
        deliver: Takes a frame that has arrived; the next one is read once it returns.
        silent: Called when nothing has arrived for too long.
    """

    def __init__(
        self,
        websocket: WebSocket,
        limits: Limits,
        *,
        reply: str,
        take: Callable[[], Awaitable[str | None]],
        deliver: Callable[[str | bytes], Awaitable[None]],
        on_idle: Callable[[], None],
    ) -> None:
        self._websocket = websocket
        self._limits = limits
        self._reply: str | None = reply
        self._take = take
        self._deliver = deliver
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._last_received = self._loop.time()
        self._charged = 0
        self._leaving = False
        self._awake = True
        self._writer: asyncio.Task[None] | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._ping_due = False
        self._pinged_after: float | None = None
        self._serving: asyncio.Timeout | None = None
        self._fault: BaseException | None = None
        self._error: Error | None = None

    def __repr__(self) -> str:
        state = "open" if self._error is None else f"ended: {self._error.code}"
        silence = self._loop.time() - self._last_received
        return f"<MemberConnection {state} silent for {silence:.1f} s>"

    @property
    def error(self) -> Error | None:
        """The error with which the server has ended it; None while it has not."""
        return self._error

    def wake(self) -> None:
        """Let `serve` call `take` again: a frame is ready."""
        self._awake = True
        if self._writer is None and self._serving is not None:
            self._writer = self._loop.create_task(self._write())
            self._writer.add_done_callback(self._on_written)

    def end(self, error: Error) -> None:
        """Make `serve` send this error and return; the first call counts."""
        if self._error is None:
            self._error = error
            self._stop_serving()

    def let_go(self) -> None:
        """Send what waits for the member, and then close with 1012: it is to return elsewhere."""
        self._leaving = True
        self.wake()

    def charge(self, octets: int) -> None:
        """Let the member's next message wait for what this one costs others."""
        self._charged += octets

    async def serve(self) -> int:
        """Serve the member until it disconnects or `end` is called.

        Returns:
            The close code of the WebSocket.
        """
        code = POLICY_VIOLATION
        serving = asyncio.timeout(None)
        try:
            async with serving:
                self._serving = serving
                self._watch()
                self.wake()
                await self._read()
        except WebSocketDisconnect as disconnect:
            code = disconnect.code
        except TimeoutError:
            if not serving.expired():
                raise
        finally:
            self._serving = None
            await self._stop_writing()
        if self._fault is not None:
            raise self._fault
        if self._error is not None:
            await dismiss(self._websocket, self._error)
        elif self._leaving:
            # Whatever the close code that comes back: this end closed.
            code = SERVICE_RESTART
        return code

    def _stop_serving(self) -> None:
        if self._serving is not None and not self._serving.expired():
            self._serving.reschedule(self._loop.time())

    async def _stop_writing(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.wait((self._writer,))

    async def _read(self) -> None:
        limits = self._limits
        now = self._loop.time()
        messages = TokenBucket(rate=limits.messages_per_second, burst=limits.burst, now=now)
        octets = TokenBucket(rate=limits.octets_per_second, burst=limits.octets_burst, now=now)
        while self._error is None:
            frame = await receive_frame(self._websocket)
            now = self._last_received = self._loop.time()
            await self._deliver(frame)
            cost, self._charged = octets_of(frame) + self._charged, 0
            # Not reading is the answer to a flood: TCP holds the sender back and nothing is lost.
            wait = max(messages.take(now), octets.take(now, tokens=cost))
            await asyncio.sleep(min(wait, limits.ping_interval))
            # Whoever is not read is not silent.
            self._last_received = self._loop.time()

    async def _write(self) -> None:
        try:
            if self._reply is not None:
                reply, self._reply = self._reply, None
                await _send(self._websocket, reply)
            while self._awake:
                self._awake = False
                while (frame := await self._take()) is not None:
                    await _send(self._websocket, frame)
                if self._ping_due:
                    self._ping_due = False
                    await _send(self._websocket, _PING)
                if self._leaving:
                    await self._websocket.close(SERVICE_RESTART, "the server stops")
                    return
        except WebSocketDisconnect:
            # The reader is about to learn the close code, which says whether the member has left.
            return
        # Nothing is awaited since `_awake` was looked at: the next `wake` begins anew.
        self._writer = None

    def _on_written(self, writer: asyncio.Task[None]) -> None:
        if not writer.cancelled() and (fault := writer.exception()) is not None:
            self._fault = fault
            self._stop_serving()

    def _watch(self) -> None:
        """Ping a member that is silent, give it up after that, and look again in time."""
        limits = self._limits
        # asyncio is early by as much: to look again at the same time would be to look for ever.
        now = self._loop.time() + _RESOLUTION
        ping_at = self._last_received + limits.ping_interval
        idle_at = self._last_received + limits.idle_timeout
        if now < ping_at:
            again = ping_at
        elif self._pinged_after != self._last_received:
            self._pinged_after = self._last_received
            self._ping_due = True
            self.wake()
            # As long from now: where this look is late, the member is not at fault.
            again = now + limits.idle_timeout - limits.ping_interval
        elif now < idle_at:
            again = idle_at
        else:
            self._on_idle()
            return
        self._silence = self._loop.call_at(again, self._watch)
