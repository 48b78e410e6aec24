"""A bot joins its room as often as it takes, and ends when it is told to or can never join."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from typing import TYPE_CHECKING

import pytest

from signaling import ChannelLost, ConnectError, InsecureUrlError, JoinError, Room, run_forever
from signaling.errors import ErrorCode
from signaling.server import JoinRequest, Limits, Refusal, Rights, create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from signaling.server import Authorize


def nobody(code: ErrorCode) -> Authorize:
    async def refuse(_: JoinRequest) -> Rights | Refusal:
        return Refusal("not you", code)

    return refuse


def idle(room: Room) -> None:
    del room


@in_virtual_time
async def test_the_first_join_is_tried_without_end_and_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[float] = []
    clock = asyncio.get_running_loop().time

    async def refuse(*_: object, **__: object) -> None:
        tries.append(clock())
        raise OSError("nobody listens")

    monkeypatch.setattr("signaling.websocket.open_websocket", refuse)
    said: list[str] = []
    bot = asyncio.create_task(run_forever(idle, "ws://localhost/ws", room="r", say=said.append))
    await asyncio.sleep(3600)
    bot.cancel()
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert gaps[0] <= 0.2
    assert max(gaps) <= 5
    assert 700 < len(tries) < 1500
    assert said[0].startswith("Not in the room r: the signalling server cannot be used: nobody")


@pytest.mark.parametrize("url", ["http://localhost/ws", "ws://[", "ws://example.org/ws"])
async def test_a_url_that_can_never_be_used_is_an_error_at_once(url: str) -> None:
    with pytest.raises(ConnectError):
        await run_forever(idle, url, room="r", say=None)
    with pytest.raises(InsecureUrlError):
        await run_forever(idle, "ws://example.org/ws", room="r", say=None)


@pytest.mark.parametrize("code", [ErrorCode.UNAUTHORIZED, ErrorCode.FORBIDDEN])
async def test_a_bot_that_may_not_join_ends_with_the_reason(code: ErrorCode) -> None:
    async with serve(create_app(authorize=nobody(code))) as url, asyncio.timeout(DEADLINE):
        with pytest.raises(JoinError, match="not you") as caught:
            await run_forever(idle, f"{url}/ws", room="r", say=None)
    assert caught.value.code is code


async def test_a_room_that_is_full_is_waited_for() -> None:
    limits = Limits(members_per_room=1)
    async with serve(create_app(limits=limits)) as url, asyncio.timeout(DEADLINE):
        inside: asyncio.Queue[Room] = asyncio.Queue()
        said: asyncio.Queue[str] = asyncio.Queue()
        first = asyncio.create_task(run_forever(inside.put_nowait, f"{url}/ws", room="r", say=None))
        await inside.get()
        second = asyncio.create_task(
            run_forever(inside.put_nowait, f"{url}/ws", room="r", say=said.put_nowait)
        )
        assert "room-full" in await said.get()
        first.cancel()
        await inside.get()
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_bot_after_its_handlers(number: int) -> None:
    ended: list[str] = []

    async def bot(room: Room) -> None:
        del room
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("bot")

    said: list[str] = []
    async with serve(create_app()) as url, asyncio.timeout(DEADLINE):
        await run_forever(bot, f"{url}/ws", room="r", say=said.append)
    assert ended == ["bot"]
    assert said == ["In the room r.", "Leaving the room r."]


async def test_a_fault_of_the_bot_is_raised_and_the_room_left() -> None:
    async def bot(room: Room) -> None:
        await asyncio.sleep(0)
        raise LookupError(room.member)

    async with serve(create_app()) as url, asyncio.timeout(DEADLINE):
        with pytest.raises(LookupError):
            await run_forever(bot, f"{url}/ws", room="r", say=None)


async def test_a_bot_that_closes_its_room_ends() -> None:
    async def bot(room: Room) -> None:
        await room.close()

    async with serve(create_app()) as url, asyncio.timeout(DEADLINE):
        await run_forever(bot, f"{url}/ws", room="r", say=None)


class _Ended:
    """A room whose server ends the membership after two minutes."""

    def __init__(self, error: ChannelLost) -> None:
        self._error = error

    async def __aenter__(self) -> _Ended:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def on(self, *_: object) -> None:
        pass

    async def closed(self) -> None:
        await asyncio.sleep(120)
        raise self._error


@pytest.mark.parametrize(("code", "seconds"), [(ErrorCode.TOO_FAST, 60), (None, 0.2)])
def test_a_bot_that_sent_too_fast_stays_away_for_a_minute(
    code: ErrorCode | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    @in_virtual_time
    async def run() -> None:
        joins: list[float] = []

        def join(*_: object, **__: object) -> _Ended:
            joins.append(asyncio.get_running_loop().time())
            return _Ended(ChannelLost("disconnected", code=code))

        monkeypatch.setattr("signaling.forever.join", join)
        bot = asyncio.create_task(run_forever(idle, "ws://localhost/ws", room="r", say=None))
        await asyncio.sleep(1000)
        bot.cancel()
        gaps = [later - earlier - 120 for earlier, later in itertools.pairwise(joins)]
        assert max(gaps) <= seconds
        assert min(gaps) >= seconds / 2

    run()
