"""Owns the proof of `handfast serve`: the program itself, and clients of ours and of others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

from handfast.serving import ServeOptions, serve
from handfast.web_server import WebServerOptions
from signaling import JoinError, Offer, connect, join
from tests.support.clock.deadline import DEADLINE
from tests.support.network.process_end import send_signal
from tests.support.project.handfast_program import handfast_program

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

_SECRET = "a secret of thirty-two octets or more"
#: Octets that each of the clients leaves unfinished, and their number.
_UNFINISHED, _CLIENTS = 4 * 1024 * 1024, 24


@contextlib.asynccontextmanager
async def _serving(*options: str) -> AsyncIterator[tuple[Process, str]]:
    async with (
        asyncio.timeout(DEADLINE),
        handfast_program("serve", "--port", "0", *options) as program,
    ):
        assert program.stdout is not None
        said = (await program.stdout.readline()).decode()
        found = re.search(r"ws://127\.0\.0\.1:\d+/ws", said)
        if found is None:
            assert program.stderr is not None
            pytest.fail(said + (await program.stderr.read()).decode())
        yield program, found.group()


async def test_members_meet_in_a_room_of_the_program_until_it_is_stopped() -> None:
    async with _serving("--log-format", "json") as (program, url):
        http = _http(url)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{http}/healthz")).text == "alive\n"
            assert (await client.get(f"{http}/readyz")).text == "ready\n"
            # Load balancers ask by a name of their own, pages by one of ours.
            balancer = {"Host": "pod-7.internal"}
            assert (await client.get(f"{http}/healthz", headers=balancer)).status_code == 200
            assert (await client.get(f"{http}/room/r", headers=balancer)).status_code == 403
            assert "Before you join" in (await client.get(f"{http}/room/r")).text
            for file in ("meeting/main.js", "view/dom.js", "style/base.css", "handfast-client.js"):
                assert (await client.get(f"{http}/{file}")).status_code == 200
        first, second = await asyncio.gather(connect(url, room="r"), connect(url, room="r"))
        await first.send(Offer(sdp="v"))
        assert await second.receive() == Offer(sdp="v")
        async with open_websocket(url) as websocket:
            await websocket.send('{"type":"join","room":"other","resumable":true}')
            assert json.loads(await websocket.recv())["type"] == "joined"
            send_signal(program, signal.SIGTERM)
            await websocket.wait_closed()
            # IANA: service restart; members return, here or elsewhere.
            assert websocket.close_code == 1012
        assert await program.wait() == 0
        await asyncio.gather(first.close(), second.close())
        assert program.stderr is not None
        told = [json.loads(line) for line in (await program.stderr.read()).splitlines()]
    # The web server has complaints of its own, as of connections that are slow to close.
    told = [line for line in told if "event" in line]
    assert [line["event"] for line in told] == ["joined"] * 3 + ["ended"] * 3
    assert {line["room"] for line in told[:2]} == {"r"}


async def test_a_server_that_stops_is_not_ready_and_serves_on_for_its_grace() -> None:
    stop = asyncio.Event()
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    options = ServeOptions(web=WebServerOptions(port=0), grace=3600.0)
    async with asyncio.timeout(DEADLINE), httpx.AsyncClient() as client:
        serving = asyncio.create_task(serve(options, stop, listening.set_result))
        url = await listening
        async with await join(url, room="r") as first:
            stop.set()
            assert (await client.get(f"{_http(url)}/readyz")).status_code == 503
            assert (await client.get(f"{_http(url)}/healthz")).status_code == 200
            async with await join(url, room="r") as second:
                await (await second.next_channel()).send(Offer(sdp="v"))
                assert await (await first.next_channel()).receive() == Offer(sdp="v")
        serving.cancel()
        await asyncio.wait((serving,))


@pytest.mark.parametrize(("options", "status"), [(("--metrics",), 200), ((), 404)])
async def test_the_program_has_metrics_where_they_are_asked_for(
    options: tuple[str, ...], status: int
) -> None:
    async with _serving(*options) as (_, url), await join(url, room="r"):
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{_http(url)}/metrics")
        assert answer.status_code == status
        assert ("\nhandfast_joins_total 1.0\n" in answer.text) == bool(options)


async def test_a_room_of_the_program_is_for_bearers_of_tokens(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(_SECRET + "\n")
    claims = {"aud": "here", "exp": time.time() + 600, "room": "r", "name": "Ada"}
    token = jwt.encode(claims, _SECRET, algorithm="HS256")
    async with _serving("--jwt-key", str(tmp_path / "key"), "--jwt-audience", "here") as (_, url):
        async with await join(url, room="r", token=token) as room:
            assert room.member
        with pytest.raises(JoinError, match="unauthorized"):
            await join(url, room="r")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--jwt-key", "none.pem"], "--jwt-key needs the --jwt-audience"),
        (["--jwt-audience", "here"], "--jwt-audience needs a --jwt-key"),
        (["--jwt-key", "none.pem", "--jwt-audience", "here"], "none.pem cannot be read"),
        (["--host", "192.0.2.1"], "192.0.2.1 is not an address of this machine"),
        (["--ice-server", "turn:a"], "turn:a needs a user and a secret"),
        (["--redis", "redis://192.0.2.1"], "would carry sessions and messages unprotected"),
        (["--redis", "rediss://u:p@192.0.2.1"], "the password is for HANDFAST_REDIS_PASSWORD"),
        (["--redis", "http://localhost"], "a URL of Redis is rediss://"),
        (["--messages-per-second", "nan"], "is more than 0 and at most 100000, not nan"),
    ],
)
async def test_an_option_that_cannot_be_used_is_named_at_once(
    options: list[str], words: str
) -> None:
    async with asyncio.timeout(DEADLINE), handfast_program("serve", *options) as program:
        _, said = await program.communicate()
        assert words in " ".join(said.decode().split())
        assert program.returncode == 1


async def test_messages_that_never_end_cost_no_more_memory_than_the_bound() -> None:
    async with _serving() as (program, url), await join(url, room="r") as room:
        before = _resident(program.pid)
        await asyncio.gather(*(_unfinished(url) for _ in range(_CLIENTS)))
        # 320 KiB each, of the 4 MiB that each has sent.
        assert _resident(program.pid) - before < _CLIENTS * _UNFINISHED // 3
        async with await join(url, room="r"):
            assert (await room.next_channel()).peer.name == ""


def _http(url: str) -> str:
    return url.replace("ws", "http", 1).removesuffix("/ws")


async def _unfinished(url: str) -> None:
    async def piece_by_piece() -> AsyncIterator[str]:
        for _ in range(_UNFINISHED // 65536):
            yield "x" * 65536

    async with open_websocket(url, close_timeout=0.5, compression=None) as websocket:
        with contextlib.suppress(ConnectionClosed):
            await websocket.send(piece_by_piece())
        await websocket.wait_closed()
        # RFC 6455 section 7.4.1: too big to process; 1006 where TCP ends before that is read.
        assert websocket.close_code in (1009, 1006)


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096
