"""One WebSocket of one member: passes frames between it and the rooms until either ends."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from signaling.errors import ErrorCode
from signaling.messages import Error, Ping, encode, octets_of
from signaling.server.direct_frames import direct_frames
from signaling.server.rate import ReadingPace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from signaling.server.backplane import Backplane
    from signaling.server.direct_frames import DirectFrames
    from signaling.server.limits import Limits
    from signaling.server.rooms import Admitted

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
    many. Where the ASGI server offers `DirectFrames`, messages take no task either.

    Args:
        websocket: Accepted, and its first frame read.
        limits: Bounds of the server.
        backplane: Keeps the rooms.
        admitted: What the backplane said to the first frame.
    """

    __slots__ = (
        "_awake",
        "_backplane",
        "_error",
        "_fault",
        "_frames",
        "_holder",
        "_id",
        "_last_received",
        "_leaving",
        "_limits",
        "_loop",
        "_pace",
        "_ping_due",
        "_pinged_after",
        "_reply",
        "_serving",
        "_silence",
        "_websocket",
        "_writer",
    )

    def __init__(
        self, websocket: WebSocket, limits: Limits, backplane: Backplane, admitted: Admitted
    ) -> None:
        self._websocket = websocket
        self._frames = direct_frames(websocket)
        self._limits = limits
        self._backplane = backplane
        self._id = admitted.connection_id
        self._reply: str | None = encode(admitted.reply)
        self._loop = asyncio.get_running_loop()
        self._last_received = self._loop.time()
        self._pace = ReadingPace(limits, now=self._last_received)
        self._leaving = False
        self._awake = True
        self._writer: asyncio.Task[None] | None = None
        self._holder: asyncio.Task[None] | None = None
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
        """Send what is ready for the member."""
        self._awake = True
        if self._writer is None and self._serving is not None and not self._write_directly():
            self._writer = self._loop.create_task(self._write())
            self._writer.add_done_callback(self._on_done)

    def end(self, error: Error) -> None:
        """Make `serve` send this error and return; the first call counts."""
        if self._error is None:
            self._error = error
            self._stop_serving()

    def let_go(self) -> None:
        """Send what waits for the member, and then close with 1012: it is to return elsewhere."""
        self._leaving = True
        self.wake()

    def give_up(self) -> None:
        """Make `serve` return although the member was not let go yet."""
        self._stop_serving()

    def charge(self, octets: int) -> None:
        """Let the member's next message wait for what this one costs others."""
        self._pace.charge(octets)

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
            await self._stop_tasks()
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

    async def _stop_tasks(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        tasks = [task for task in (self._writer, self._holder) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _read(self) -> None:
        if self._frames is not None:
            self._frames.divert(self._on_frame)
        try:
            while self._error is None:
                # Where frames are diverted, only the disconnect comes this way.
                frame = await receive_frame(self._websocket)
                await (self._hear(frame) or asyncio.sleep(0))
        except WebSocketDisconnect:
            # What came before it is heard before it.
            while self._holder is not None:
                await asyncio.wait((self._holder,))
            raise

    def _on_frame(self, frame: str | bytes | None) -> None:
        if self._serving is None or self._error is not None:
            return
        try:
            wait = self._rest_after(0) if frame is None else self._hear(frame)
        except Exception as fault:
            self._fail(fault)
            return
        if wait is not None:
            assert self._frames is not None
            self._frames.hold()
            self._holder = self._loop.create_task(self._go_on_after(wait, self._frames))
            self._holder.add_done_callback(self._on_done)

    async def _go_on_after(self, wait: Awaitable[None], frames: DirectFrames) -> None:
        try:
            await wait
        finally:
            self._holder = None
        frames.go_on()

    def _hear(self, frame: str | bytes) -> Coroutine[None, None, None] | None:
        """Deliver a frame that has arrived; returns what the next one has to wait for."""
        self._last_received = self._loop.time()
        kept = self._backplane.receive(self._id, frame)
        if kept is not None:
            return self._keep(kept, frame)
        return self._rest_after(octets_of(frame))

    async def _keep(self, kept: Awaitable[None], frame: str | bytes) -> None:
        await kept
        await (self._rest_after(octets_of(frame)) or asyncio.sleep(0))

    def _rest_after(self, octets: int) -> Coroutine[None, None, None] | None:
        # Not reading is the answer to a flood: TCP holds the sender back and nothing is lost.
        now = self._loop.time()
        wait = self._pace.wait_after(octets, now=now)
        if wait == 0:
            return None
        if self._pace.too_fast(now=now):
            reason = f"slowed for {self._limits.slowed_timeout:g} seconds without a pause"
            self._backplane.expel(self._id, ErrorCode.TOO_FAST, reason)
        return self._rest(wait)

    async def _rest(self, wait: float) -> None:
        await asyncio.sleep(wait)
        # Whoever is not read is not silent.
        self._last_received = self._loop.time()

    def _write_directly(self) -> bool:
        """Send what is ready in this turn; returns False where a task has to."""
        frames = self._frames
        if frames is None or self._reply is not None or self._ping_due or self._leaving:
            return False
        while frames.writable:
            frame = self._backplane.take(self._id)
            if frame is None:
                return not self._backplane.more(self._id)
            frames.write(frame)
        return False

    async def _write(self) -> None:
        try:
            if self._reply is not None:
                reply, self._reply = self._reply, None
                await _send(self._websocket, reply)
            while self._awake:
                self._awake = False
                await self._write_all()
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

    async def _write_all(self) -> None:
        backplane = self._backplane
        while True:
            while (frame := backplane.take(self._id)) is not None:
                await _send(self._websocket, frame)
            if not (backplane.more(self._id) and await backplane.fetch(self._id)):
                return

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._fail(fault)

    def _fail(self, fault: BaseException) -> None:
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
            reason = f"nothing arrived for {limits.idle_timeout:g} seconds"
            self._backplane.expel(self._id, ErrorCode.IDLE, reason)
            return
        self._silence = self._loop.call_at(again, self._watch)
