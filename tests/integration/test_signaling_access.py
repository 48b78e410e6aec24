"""The room server asks a program who may join, as clients of all kinds see it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

from peer.times import UnixTime
from signaling import ChannelLost, ErrorCode, JoinError, Reconnect, join
from signaling.server import (
    JoinRequest,
    JwtAuthorizer,
    Limits,
    Refusal,
    Rights,
    TokenAlgorithm,
    create_app,
)
from tests.support.clock.deadline import DEADLINE
from tests.support.links.cable import cable_to
from tests.support.network.asgi import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from signaling.server import Authorize

_SECRET = "a secret of thirty-two octets or more"
_FAST = Reconnect(first_delay=0.01, longest_delay=0.05)


def _token(room: str = "lobby", name: str = "Ada", *, lasts: float = 86400.0) -> str:
    claims = {"aud": "here", "exp": time.time() + lasts, "room": room, "name": name}
    return jwt.encode(claims, _SECRET, algorithm="HS256")


_JWT = JwtAuthorizer(key=_SECRET, algorithm=TokenAlgorithm.HS256, audience="here", leeway=0.0)


@contextlib.asynccontextmanager
async def _server(authorize: Authorize = _JWT, **bounds: Any) -> AsyncIterator[str]:
    app = create_app(authorize=authorize, limits=Limits(**bounds))
    async with asyncio.timeout(DEADLINE), serve(app) as base:
        yield f"{base}/ws"


async def _first_answer(url: str, frame: dict[str, Any] | str, **options: Any) -> dict[str, Any]:
    async with open_websocket(url, close_timeout=0.5, **options) as websocket:
        await websocket.send(frame if isinstance(frame, str) else json.dumps(frame))
        answer: dict[str, Any] = json.loads(await websocket.recv())
        return answer


async def test_a_token_comes_in_a_header_a_subprotocol_or_the_first_message() -> None:
    asked = {"type": "join", "room": "lobby"}
    async with _server() as url:
        header = {"Authorization": f"Bearer {_token()}"}
        subprotocols = ["handfast", f"bearer.{_token()}"]
        for frame, options in (
            (asked, {"additional_headers": header}),
            (asked, {"subprotocols": subprotocols}),
            ({**asked, "token": _token()}, {}),
        ):
            assert (await _first_answer(url, frame, **options))["type"] == "joined"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "unauthorized"),
        (_token("hall"), "forbidden"),
        (_token(lasts=-60), "unauthorized"),
        ("nonsense", "unauthorized"),
    ],
    ids=["none", "for another room", "out of date", "nonsense"],
)
async def test_who_has_no_good_token_is_refused_and_others_notice_nothing(
    token: str | None, code: str
) -> None:
    async with _server() as url, await join(url, room="lobby", token=_token()) as room:
        frame = {"type": "join", "room": "lobby", "token": token}
        frame = {name: value for name, value in frame.items() if value is not None}
        assert (await _first_answer(url, frame))["code"] == code
        with pytest.raises(JoinError) as refused:
            await join(url, room="lobby", token=token)
        assert refused.value.code == ErrorCode(code)
        assert room.peers == ()


async def test_members_see_the_name_of_the_token() -> None:
    async with (
        _server() as url,
        await join(url, room="lobby", name="asked", token=_token()) as first,
        await join(url, room="lobby", token=_token(name="Bob")) as second,
    ):
        assert [peer.name for peer in second.peers] == ["Ada"]
        channel = await first.next_channel()
        assert channel.peer.name == "Bob"


async def test_member_whose_token_runs_out_is_disconnected_by_name() -> None:
    # `exp` counts in whole seconds: of one second nothing may be left to join in.
    token = _token(lasts=2.0)
    async with _server() as url, await join(url, room="lobby", token=token) as room:
        with pytest.raises(ChannelLost, match="unauthorized: the right to be in this room"):
            await room.next_channel()


async def test_a_return_is_judged_again_by_the_newest_token() -> None:
    shown: list[tuple[str | None, bool]] = []
    returned = asyncio.Event()
    given = iter(["first", "second", "bad"])

    async def authorize(request: JoinRequest) -> Rights | Refusal:
        shown.append((request.token, request.returns))
        assert (request.room, request.name) == ("lobby", "ada")
        if request.returns:
            returned.set()
        return Refusal("no more", ErrorCode.UNAUTHORIZED) if request.token == "bad" else Rights()

    async with (
        _server(authorize) as url,
        cable_to(url) as (cable, far),
        await join(
            far, room="lobby", name="ada", token=lambda: next(given), reconnect=_FAST
        ) as room,
    ):
        cable.cut()
        await returned.wait()
        async with await join(url, room="lobby", name="ada", token="other"):
            assert (await room.next_channel()).peer.name == "ada"
        cable.cut()
        with pytest.raises(ChannelLost, match="no more"):
            await room.next_channel()
    assert shown == [("first", False), ("second", True), ("other", False), ("bad", True)]


async def test_member_that_returns_stays_no_longer_than_its_newest_right() -> None:
    async def authorize(request: JoinRequest) -> Rights:
        return Rights(expires=UnixTime(time.time() + (1.0 if request.returns else 86400.0)))

    async with (
        _server(authorize) as url,
        cable_to(url) as (cable, far),
        await join(far, room="lobby", reconnect=_FAST) as room,
    ):
        cable.cut()
        with pytest.raises(ChannelLost, match="unauthorized: the right to be in this room"):
            await room.next_channel()


async def test_a_seat_is_not_taken_over_with_the_token_of_somebody_else() -> None:
    async with _server() as url:
        async with open_websocket(url, close_timeout=0.5) as websocket:
            frame = {"type": "join", "room": "lobby", "token": _token(), "resumable": True}
            await websocket.send(json.dumps(frame))
            session = json.loads(await websocket.recv())["session"]
            stolen = {"type": "resume", "session": session, "received": 0}
            refused = await _first_answer(url, {**stolen, "token": _token(name="Eve")})
            assert (refused["type"], refused["code"]) == ("error", "forbidden")
            refused = await _first_answer(url, {**stolen, "token": _token("hall")})
            assert (refused["type"], refused["code"]) == ("error", "forbidden")
        resumed = await _first_answer(url, {**stolen, "token": _token()})
        assert resumed["code"] == "unknown-session"  # It has left with close code 1000.


async def _fails(_: JoinRequest) -> Rights | Refusal:
    raise RuntimeError("the database is away: secret of it")


async def _hangs(_: JoinRequest) -> Rights | Refusal:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return] # never


@pytest.mark.parametrize("authorize", [_fails, _hangs])
async def test_where_nobody_can_judge_nobody_is_let_in(authorize: Authorize) -> None:
    async with _server(authorize, join_timeout=0.2) as url:
        refused = await _first_answer(url, {"type": "join", "room": "lobby"})
        assert (refused["code"], refused["reason"]) == (
            "forbidden",
            "this server cannot judge it at present",
        )


async def test_a_first_message_that_is_too_large_is_judged_by_nobody() -> None:
    asked: list[JoinRequest] = []

    async def authorize(request: JoinRequest) -> Rights:
        asked.append(request)
        return Rights()

    async with _server(authorize) as url:
        frame = json.dumps({"type": "join", "room": "lobby", "more": "x" * 20_000})
        assert (await _first_answer(url, frame))["code"] == "too-large"
        with contextlib.suppress(ConnectionClosed):
            assert (await _first_answer(url, "nonsense"))["code"] == "malformed"
    assert asked == []
