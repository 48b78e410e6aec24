from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from starlette.websockets import WebSocket

from signaling.errors import ErrorCode
from signaling.messages import Error, Ping, decode
from signaling.server.connection import MemberConnection, dismiss
from signaling.server.limits import Limits
from tests.support.clock.virtual_time import VirtualLoop, in_virtual_time

if TYPE_CHECKING:
    from starlette.types import Message

_PATIENT = Limits(ping_interval=1000, idle_timeout=2000)


class Wire:
    """An ASGI server's side of one WebSocket."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self.failure: Exception | None = None
        self.failed = asyncio.Event()
        self.blocked = False
        self.websocket = WebSocket({"type": "websocket"}, self.incoming.get, self.send)

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


class Rooms:
    """What a connection is given by the server."""

    def __init__(self, wire: Wire, limits: Limits = _PATIENT) -> None:
        self.waiting: deque[str] = deque()
        self.delivered: list[str | bytes] = []
        self.silent = asyncio.Event()
        self.connection = MemberConnection(
            wire.websocket,
            limits,
            reply="hello",
            take=self.take,
            deliver=self.deliver,
            on_idle=self.silent.set,
        )

    async def take(self) -> str | None:
        return self.waiting.popleft() if self.waiting else None

    async def deliver(self, frame: str | bytes) -> None:
        self.delivered.append(frame)

    def post(self, *frames: str) -> None:
        self.waiting.extend(frames)
        self.connection.wake()


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
    assert [await wire.sent(), await wire.sent()] == ["hello", "one"]
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
    assert await wire.sent() == "hello"
    error = Error(code=ErrorCode.REPLACED, reason="elsewhere")
    rooms.connection.end(error)
    rooms.connection.end(Error(code=ErrorCode.IDLE))
    assert await serving == 1008
    assert decode(await wire.sent()) == error
    closed = await wire.outgoing.get()
    assert (closed["code"], closed["reason"]) == (1008, "replaced")


async def test_a_defect_of_the_rooms_is_not_hidden(wire: Wire, rooms: Rooms) -> None:
    async def deliver(frame: str | bytes) -> None:
        raise ZeroDivisionError(frame)

    connection = MemberConnection(
        wire.websocket,
        _PATIENT,
        reply="hello",
        take=rooms.take,
        deliver=deliver,
        on_idle=rooms.silent.set,
    )
    wire.frame(text="x")
    with pytest.raises(ZeroDivisionError):
        await connection.serve()


async def test_a_silent_member_is_pinged_and_then_given_up(wire: Wire) -> None:
    rooms = Rooms(wire, Limits(ping_interval=0.01, idle_timeout=0.02))
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == "hello"
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
    assert await wire.sent() == "hello"
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
    assert await wire.sent() == "hello"
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.skip(300)
    assert decode(await wire.sent()) == Ping()
    await asyncio.sleep(39)
    assert not rooms.silent.is_set()
    wire.disconnect(1000)
    await serving


async def test_a_defect_of_what_is_sent_is_not_hidden(wire: Wire) -> None:
    async def take() -> None:
        raise ZeroDivisionError

    connection = MemberConnection(
        wire.websocket,
        _PATIENT,
        reply="hello",
        take=take,
        deliver=Rooms(wire).deliver,
        on_idle=pytest.fail,
    )
    with pytest.raises(ZeroDivisionError):
        await connection.serve()


async def test_an_idle_member_costs_no_task_of_its_own(wire: Wire, rooms: Rooms) -> None:
    before = asyncio.all_tasks()
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == "hello"
    rooms.post("one")
    assert await wire.sent() == "one"
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == {serving}
    wire.disconnect(1000)
    await serving


def _costly(wire: Wire, limits: Limits, octets: int) -> tuple[MemberConnection, list[float]]:
    """A member whose every message costs others so much; and the times at which it is read."""
    read: list[float] = []
    loop = asyncio.get_running_loop()

    async def nothing() -> None:
        return None

    async def deliver(_: str | bytes) -> None:
        read.append(loop.time())
        connection.charge(octets)

    connection = MemberConnection(
        wire.websocket,
        limits,
        reply="hello",
        take=nothing,
        deliver=deliver,
        on_idle=pytest.fail,
    )
    return connection, read


@in_virtual_time
async def test_member_whose_messages_cost_others_much_is_read_slower() -> None:
    wire = Wire()
    await wire.open()
    limits = Limits(octets_per_second=1000, octets_burst=3000, messages_per_second=1e6)
    # With the one octet of the frame itself.
    connection, read = _costly(wire, limits, 999)
    for _ in range(6):
        wire.frame(text="x")
    serving = asyncio.create_task(connection.serve())
    begun = asyncio.get_running_loop().time()
    await asyncio.sleep(10)
    assert [moment - begun for moment in read] == pytest.approx([0, 0, 0, 0, 1, 2])
    wire.disconnect(1000)
    assert await serving == 1000


@in_virtual_time
async def test_member_that_is_not_read_is_not_taken_for_silent() -> None:
    wire = Wire()
    await wire.open()
    limits = Limits(octets_per_second=1, octets_burst=1)
    connection, read = _costly(wire, limits, 1000)
    for _ in range(10):
        wire.frame(text="x")
    serving = asyncio.create_task(connection.serve())
    await asyncio.sleep(10 * limits.ping_interval)
    assert len(read) == 10
    wire.disconnect(1000)
    assert await serving == 1000


async def test_a_cancelled_connection_leaves_no_tasks(wire: Wire, rooms: Rooms) -> None:
    before = asyncio.all_tasks()
    serving = asyncio.create_task(rooms.connection.serve())
    assert await wire.sent() == "hello"
    serving.cancel()
    await asyncio.wait((serving,))
    assert serving.cancelled()
    assert asyncio.all_tasks() == before


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
