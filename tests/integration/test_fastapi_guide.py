"""docs/FASTAPI.md: its programs serve rooms, to whoever is logged in and to pages of their own."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from uvicorn.main import main as uvicorn_command
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import InvalidStatus

from handfast.serving import connections
from signaling.messages import MAX_MESSAGE_SIZE
from signaling.server import Limits
from tests.support.network.asgi import serve
from tests.support.project.source import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PAGE = (ROOT / "docs" / "FASTAPI.md").read_text("utf-8")
_PASSWORD = "of-this-test"
_OWN = "rooms.example"


def _programs() -> list[dict[str, Any]]:
    programs = []
    for code in re.findall(r"^```python app\n(.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL):
        # Models of FastAPI name their types, which are looked up in the module.
        namespace: dict[str, Any] = {"__name__": "program"}
        exec(compile(code, "docs/FASTAPI.md", "exec"), namespace)
        programs.append(namespace)
    return programs


@contextlib.asynccontextmanager
async def _page(base: str, cookie: str | None, *, page: str = _OWN) -> AsyncIterator[Any]:
    """A WebSocket that a browser opens for a page of this name, at this name's server."""
    port = int(base.rpartition(":")[2])
    headers = {} if cookie is None else {"Cookie": f"session={cookie}"}
    async with open_websocket(
        f"ws://{_OWN}:{port}/signaling/ws",
        origin=f"https://{page}:{port}",  # type: ignore[arg-type] # Origin is a NewType of str
        additional_headers=headers,
        host="127.0.0.1",
        port=port,
        close_timeout=0.5,
    ) as websocket:
        yield websocket


async def _joined(websocket: Any, **fields: Any) -> dict[str, Any]:
    await websocket.send(json.dumps({"type": "join", "room": "lobby", **fields}))
    answer: dict[str, Any] = json.loads(await websocket.recv())
    return answer


async def _login(base: str, name: str, password: str = _PASSWORD) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        asked = {"name": name, "password": password}
        return await client.post(f"{base.replace('ws', 'http', 1)}/login", json=asked)


async def test_a_program_of_five_lines_has_rooms_and_the_client_of_pages() -> None:
    async with serve(_programs()[0]["app"]) as base:
        async with _page(base, None) as page:
            assert (await _joined(page))["type"] == "joined"
        async with httpx.AsyncClient() as client:
            url = f"{base.replace('ws', 'http', 1)}/signaling/handfast-client.js"
            assert "export" in (await client.get(url)).text


async def test_who_is_logged_in_joins_under_the_name_of_the_login(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROOMS_PASSWORD", _PASSWORD)
    async with serve(_programs()[1]["app"]) as base:
        assert (await _login(base, "Eve", "guessed")).status_code == 401
        answer = await _login(base, "Ada")
        cookie = answer.cookies["session"]
        said = answer.headers["set-cookie"].lower()
        assert all(word in said for word in ("httponly", "secure", "samesite=strict"))
        bob = (await _login(base, "Bob")).cookies["session"]
        async with _page(base, cookie) as first, _page(base, bob) as second:
            assert (await _joined(first, name="somebody else"))["type"] == "joined"
            assert [peer["name"] for peer in (await _joined(second))["peers"]] == ["Ada"]


async def test_who_is_not_logged_in_or_no_longer_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROOMS_PASSWORD", _PASSWORD)
    program = _programs()[1]
    async with serve(program["app"]) as base:
        cookie = (await _login(base, "Ada")).cookies["session"]
        for shown in (None, "nonsense"):
            async with _page(base, shown) as page:
                assert (await _joined(page))["code"] == "unauthorized"
        async with _page(base, cookie) as page:
            session = (await _joined(page, resumable=True))["session"]
            program["logins"][cookie] = ("Ada", 0.0)
            page.transport.abort()
        async with _page(base, cookie) as page:
            returning = {"type": "resume", "session": session, "received": 0}
            assert (await _joined(page, **returning))["code"] == "unauthorized"


async def test_a_page_of_another_site_does_not_join_with_the_cookies_of_its_visitor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROOMS_PASSWORD", _PASSWORD)
    async with serve(_programs()[1]["app"]) as base:
        cookie = (await _login(base, "Ada")).cookies["session"]
        with pytest.raises(InvalidStatus, match="403"):
            async with _page(base, cookie, page="evil.example"):
                pass


def test_the_command_has_the_bounds_of_the_rooms() -> None:
    (line,) = re.findall(r"^uvicorn .*$", _PAGE, re.MULTILINE)
    context = uvicorn_command.make_context("uvicorn", shlex.split(line)[1:])
    assert context.params["ws_max_size"] == MAX_MESSAGE_SIZE
    assert context.params["limit_concurrency"] == connections(Limits())
