from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from starlette.websockets import WebSocket

from signaling.errors import ErrorCode
from signaling.messages import Error, Joined, Ping, decode, encode
from signaling.server.backplane import InProcessBackplane
from signaling.server.connection import MemberConnection, dismiss
from signaling.server.direct_frames import EXTENSION
from signaling.server.limits import Limits
from signaling.server.rooms import Admitted, ConnectionId
from tests.support.clock.virtual_time import VirtualLoop, in_virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import Message

_PATIENT = Limits(ping_interval=1000, idle_timeout=2000)
REPLY = Joined(member="m", peers=())
HELLO = encode(REPLY)


class Frames:
    """An ASGI server's `DirectFrames`."""

    def __init__(self) -> None:
        self.writable = True
        self.held = False
        self.written: list[str] = []
        self._on_frame: Callable[[str | bytes | None], None] | None = None

    def divert(self, on_frame: Callable[[str | bytes | None], None]) -> None:
        self._on_frame = on_frame

    def hold(self) -> None:
        self.held = True

    def go_on(self) -> None:
        self.held = False

    def write(self, text: str) -> None:
        self.written.append(text)

    def come(self, frame: str | bytes | None) -> None:
        assert self._on_frame is not None
        self._on_frame(frame)


class Wire:
    """An ASGI server's side of one WebSocket."""

    def __init__(self, frames: Frames | None = None) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self.failure: Exception | None = None
        self.failed = asyncio.Event()
        self.blocked = False
        extensions = {} if frames is None else {EXTENSION: frames}
        scope = {"type": "websocket", "extensions": extensions}
        self.websocket = WebSocket(scope, self.incoming.get, self.send)

    async def open(self) -> None:
        self.incoming.put_nowait({"type": "websocket.connect"})
        await self.websocket.accept()
        assert (await self.outgoing.get())["type"] == "websocket.accept"

    async def send(self, message: Message) -> None:
        if self.blocked:
            await asyncio.Event().wait()
        if self.failure is not None:
            self.failed.set()
            raise self.failure
        self.outgoing.put_nowait(message)

    async def sent(self) -> str:
        return str((await self.outgoing.get())["text"])

    def frame(self, **fields: str | bytes | None) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", **fields})

    def disconnect(self, code: int) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": code})


class Rooms(InProcessBackplane):
    """What a connection is given by the server.

    Args:
        wire: Of its member.
        limits: Bounds of the server.
        cost: Octets that each of the member's messages costs others.
    """

    def __init__(self, wire: Wire, limits: Limits = _PATIENT, *, cost: int = 0) -> None:
        super().__init__()
        self.waiting: deque[str] = deque()
        self.delivered: list[str | bytes] = []
        #: Times at which they were delivered.
        self.times: list[float] = []
        self.silent = asyncio.Event()
        self._cost = cost
        admitted = Admitted(ConnectionId("m", 0), REPLY)
        self.connection = MemberConnection(wire.websocket, limits, self, admitted)

    def take(self, connection_id: ConnectionId) -> str | None:
        return self.waiting.popleft() if self.waiting else None

    def receive(self, connection_id: ConnectionId, frame: str | bytes) -> None:
        self.delivered.append(frame)
        self.times.append(asyncio.get_running_loop().time())
        self.connection.charge(self._cost)

    def expel(self, connection_id: ConnectionId, code: ErrorCode, reason: str) -> None:
        assert code is ErrorCode.IDLE
        self.silent.set()

    def post(self, *frames: str) -> None:
        self.waiting.extend(frames)
        self.connection.wake()


def _defect(*_: object) -> None:
    raise ZeroDivisionError


@pytest.fixture
async def wire() -> Wire:
    wire = Wire()
    await wire.open()
    return wire


@pytest.fixture
async def rooms(wire: Wire) -> Rooms:
    return Rooms(wire)


async def test_the_reply_is_sent_first(wire: Wire, rooms: Rooms) -> None:
    rooms.post("one")
    serving = asyncio.create_task(rooms.connection.serve())
    assert [await wire.sent(), await wire.sent()] == [HELLO, "one"]
    rooms.post("two")
    assert await wire.sent() == "two"
    wire.disconnect(1001)
    assert await serving == 1001


async def test_text_and_bytes_are_delivered(wire: Wire, rooms: Rooms) -> None:
    wire.frame(text="one")
    wire.frame(bytes=b"two")
    wire.frame(text=None, bytes=b"three")
    wire.disconnect(1000)
    assert await rooms.connection.serve() == 1000
    assert rooms.delivered == ["one", b"two", b"three"]


@pytest.mark.parametrize("failure", [OSError("gone"), RuntimeError("after websocket.close")])
async def test_a_failure_to_send_waits_for_the_close_code(
    wire: Wire, rooms: Rooms, failure: Exception
) -> None:
    wire.failure = failure
    serving = asyncio.create_task(rooms.connection.serve())
    await wire.failed.wait()
    wire.frame(text="still here")
    wire.disconnect(1000)
    assert await serving == 1000
    assert rooms.delivered == ["still here"]


async def test_the_end_is_said_with_its_reason(wire: Wire, rooms: Rooms) -> None:
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == HELLO
    error = Error(code=ErrorCode.REPLACED, reason="elsewhere")
    rooms.connection.end(error)
    rooms.connection.end(Error(code=ErrorCode.IDLE))
    assert await serving == 1008
    assert decode(await wire.sent()) == error
    closed = await wire.outgoing.get()
    assert (closed["code"], closed["reason"]) == (1008, "replaced")


async def test_a_defect_of_the_rooms_is_not_hidden(
    wire: Wire, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "receive", _defect)
    wire.frame(text="x")
    with pytest.raises(ZeroDivisionError):
        await rooms.connection.serve()


async def test_a_silent_member_is_pinged_and_then_given_up(wire: Wire) -> None:
    rooms = Rooms(wire, Limits(ping_interval=0.01, idle_timeout=0.02))
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == HELLO
    assert decode(await wire.sent()) == Ping()
    await rooms.silent.wait()
    wire.disconnect(1000)
    await serving


@in_virtual_time
async def test_member_that_answers_each_ping_is_not_given_up() -> None:
    wire = Wire()
    await wire.open()
    rooms = Rooms(wire, Limits(ping_interval=20, idle_timeout=60))
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == HELLO
    for _ in range(5):
        assert decode(await wire.sent()) == Ping()
        # As late as it may come.
        await asyncio.sleep(39)
        wire.frame(text="pong")
    assert not rooms.silent.is_set()
    begun = asyncio.get_running_loop().time()
    await rooms.silent.wait()
    assert asyncio.get_running_loop().time() - begun == pytest.approx(60)
    wire.disconnect(1000)
    await serving


@in_virtual_time
async def test_member_is_pinged_before_it_is_given_up_also_where_the_server_was_stopped() -> None:
    wire = Wire()
    await wire.open()
    rooms = Rooms(wire, Limits(ping_interval=20, idle_timeout=60))
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == HELLO
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.skip(300)
    assert decode(await wire.sent()) == Ping()
    await asyncio.sleep(39)
    assert not rooms.silent.is_set()
    wire.disconnect(1000)
    await serving


async def test_a_defect_of_what_is_sent_is_not_hidden(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "take", _defect)
    with pytest.raises(ZeroDivisionError):
        await rooms.connection.serve()


async def test_an_idle_member_costs_no_task_of_its_own(wire: Wire, rooms: Rooms) -> None:
    before = asyncio.all_tasks()
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == HELLO
    rooms.post("one")
    assert await wire.sent() == "one"
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == {serving}
    wire.disconnect(1000)
    await serving


@in_virtual_time
async def test_member_whose_messages_cost_others_much_is_read_slower() -> None:
    wire = Wire()
    await wire.open()
    limits = Limits(octets_per_second=1000, octets_burst=3000, messages_per_second=1e6)
    # With the one octet of the frame itself.
    rooms = Rooms(wire, limits, cost=999)
    for _ in range(6):
        wire.frame(text="x")
    serving = asyncio.create_task(rooms.connection.serve())
    begun = asyncio.get_running_loop().time()
    await asyncio.sleep(10)
    assert [moment - begun for moment in rooms.times] == pytest.approx([0, 0, 0, 0, 1, 2])
    wire.disconnect(1000)
    assert await serving == 1000


@in_virtual_time
async def test_member_that_is_not_read_is_not_taken_for_silent() -> None:
    wire = Wire()
    await wire.open()
    limits = Limits(octets_per_second=1, octets_burst=1, slowed_timeout=1e6)
    rooms = Rooms(wire, limits, cost=1000)
    for _ in range(10):
        wire.frame(text="x")
    serving = asyncio.create_task(rooms.connection.serve())
    await asyncio.sleep(10 * limits.ping_interval)
    assert len(rooms.delivered) == 10
    wire.disconnect(1000)
    assert await serving == 1000


async def test_a_cancelled_connection_leaves_no_tasks(wire: Wire, rooms: Rooms) -> None:
    before = asyncio.all_tasks()
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == HELLO
    serving.cancel()
    await asyncio.wait((serving,))
    assert serving.cancelled()
    assert asyncio.all_tasks() == before


async def serve_directly(
    frames: Frames, limits: Limits = _PATIENT, *, cost: int = 0
) -> tuple[Rooms, Wire, asyncio.Task[int]]:
    """Begin to serve a connection by direct frames, which has sent its reply."""
    wire = Wire(frames)
    await wire.open()
    rooms = Rooms(wire, limits, cost=cost)
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == HELLO
    await asyncio.sleep(0)
    return rooms, wire, serving


@pytest.fixture
async def frames() -> Frames:
    return Frames()


@pytest.fixture
async def direct(frames: Frames) -> AsyncIterator[tuple[Rooms, Wire]]:
    rooms, wire, serving = await serve_directly(frames)
    yield rooms, wire
    wire.disconnect(1000)
    await asyncio.wait((serving,))


async def test_direct_frames_pass_in_the_turn_in_which_they_come(
    direct: tuple[Rooms, Wire], frames: Frames
) -> None:
    rooms, wire = direct
    before = asyncio.all_tasks()
    frames.come("one")
    rooms.post("two", "three")
    assert (rooms.delivered, frames.written) == (["one"], ["two", "three"])
    assert asyncio.all_tasks() == before
    assert wire.outgoing.empty()


async def test_what_cannot_be_written_directly_waits_as_ever(
    direct: tuple[Rooms, Wire], frames: Frames
) -> None:
    rooms, wire = direct
    frames.writable = False
    rooms.post("one")
    assert await wire.sent() == "one"
    assert frames.written == []


async def test_direct_frames_end_with_the_connection(
    direct: tuple[Rooms, Wire], frames: Frames
) -> None:
    rooms, wire = direct
    rooms.connection.end(Error(code=ErrorCode.REPLACED))
    frames.come("late")
    assert decode(await wire.sent()) == Error(code=ErrorCode.REPLACED)
    rooms.post("late")
    assert (rooms.delivered, frames.written) == ([], [])


async def test_a_defect_at_a_direct_frame_is_not_hidden(
    frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms, _, serving = await serve_directly(frames)
    monkeypatch.setattr(rooms, "receive", _defect)
    frames.come("x")
    with pytest.raises(ZeroDivisionError):
        await serving


@in_virtual_time
async def test_direct_frames_are_held_while_their_member_has_to_wait() -> None:
    frames = Frames()
    limits = Limits(octets_per_second=1000, octets_burst=1000, messages_per_second=1e6)
    _, wire, serving = await serve_directly(frames, limits, cost=2999)
    frames.come("x")
    held = []
    for seconds in (0, 1.9, 0.2):
        await asyncio.sleep(seconds)
        held.append(frames.held)
    assert held == [True, True, False]
    wire.disconnect(1000)
    assert await serving == 1000


@in_virtual_time
async def test_direct_frames_that_are_no_messages_are_slowed_like_those_that_are() -> None:
    frames = Frames()
    limits = Limits(messages_per_second=1, burst=3)
    rooms, wire, serving = await serve_directly(frames, limits)
    held = []
    for _ in range(4):
        frames.come(None)
        held.append(frames.held)
    assert (held, rooms.delivered) == ([False, False, False, True], [])
    await asyncio.sleep(1.1)
    assert not frames.held
    wire.disconnect(1000)
    assert await serving == 1000


@in_virtual_time
async def test_a_direct_frame_that_is_not_kept_yet_holds_the_next_and_the_end() -> None:
    frames = Frames()
    rooms, wire, serving = await serve_directly(frames)
    kept = asyncio.Event()

    async def keep() -> None:
        await kept.wait()

    rooms.receive = lambda connection_id, frame: keep()  # type: ignore[assignment, method-assign] # as a shared one
    frames.come("x")
    wire.disconnect(1000)
    await asyncio.sleep(1)
    assert (frames.held, serving.done()) == (True, False)
    kept.set()
    assert await serving == 1000
    assert not frames.held


async def test_a_defect_while_a_direct_frame_is_kept_is_not_hidden_by_the_end() -> None:
    frames = Frames()
    rooms, wire, serving = await serve_directly(frames)

    async def keep() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    rooms.receive = lambda connection_id, frame: keep()  # type: ignore[assignment, method-assign] # as a shared one
    frames.come("x")
    wire.disconnect(1000)
    with pytest.raises(ZeroDivisionError):
        await serving


async def test_member_that_does_not_read_is_not_waited_for(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signaling.server.connection._CLOSE_TIMEOUT", 0.01)
    wire.blocked = True
    await dismiss(wire.websocket, Error(code=ErrorCode.TOO_SLOW))


@pytest.mark.parametrize(
    ("code", "close_code"),
    [
        (ErrorCode.ROOM_FULL, 1013),
        (ErrorCode.SERVER_FULL, 1013),
        (ErrorCode.MALFORMED, 1008),
    ],
)
async def test_the_close_code_says_whether_to_come_back(
    wire: Wire, code: ErrorCode, close_code: int
) -> None:
    await dismiss(wire.websocket, Error(code=code))
    assert decode(await wire.sent()) == Error(code=code)
    closed: dict[str, Any] = dict(await wire.outgoing.get())
    assert (closed["code"], closed["reason"]) == (close_code, code.value)
