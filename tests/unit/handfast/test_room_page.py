"""The page of a room as the server hands it out: its files, its link and its QR code."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from handfast.room_page import door_route, room_page_routes, shared_host
from handfast.site_middleware import site_middleware


def _client(
    base: str = "http://localhost:8080", host: str | None = None, prefix: str = ""
) -> httpx.AsyncClient:
    app = Starlette(routes=room_page_routes(host), middleware=site_middleware(["rooms.example"]))
    mounted = Starlette(routes=[Mount(prefix, app)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(mounted), base_url=base)


@pytest.mark.parametrize(
    "name", ["lobby", "a%20b", "a%2Fb", "a%2finvitation", "%C3%BC%22%3Cb%3E", "x" * 128]
)
async def test_every_room_has_the_page_whatever_it_is_called(name: str) -> None:
    async with _client() as client:
        page = await client.get(f"/room/{name}")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "display-capture=(self)" in page.headers["permissions-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/room/" + "x" * 129,
        "/room/",
        "/room/a/b",
        "/room//qr.svg",
        "/room/a/qr.svg/b",
        "/meeting/../main.js",
        "/index.html",
    ],
)
async def test_nothing_else_of_the_package_is_served_with_it(path: str) -> None:
    async with _client() as client:
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("base", "host", "url", "reachable"),
    [
        ("http://localhost:8080", None, "http://localhost:8080/room/a%20b", False),
        ("http://127.0.0.1:8080", None, "http://127.0.0.1:8080/room/a%20b", False),
        ("http://localhost:8080", "192.0.2.7", "http://192.0.2.7:8080/room/a%20b", True),
        ("http://[::1]:8080", "2001:db8::7", "http://[2001:db8::7]:8080/room/a%20b", True),
        ("https://rooms.example", "192.0.2.7", "https://rooms.example/room/a%20b", True),
        ("http://192.0.2.9:8080", None, "http://192.0.2.9:8080/room/a%20b", True),
    ],
)
async def test_invitation_is_a_link_that_others_can_use_where_there_is_one(
    base: str, host: str | None, url: str, reachable: bool
) -> None:
    async with _client(base, host) as client:
        answer = (await client.get("/room/a%20b/invitation")).json()

    assert answer == {"url": url, "reachable": reachable}


async def test_the_way_to_a_room_by_its_name_is_a_page_of_its_own() -> None:
    app = Starlette(routes=[door_route(), *room_page_routes(None)])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost"
    ) as client:
        page = await client.get("/")

        assert "Go to the room" in page.text
        for named in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert (await client.get(f"/{named}")).status_code == 200


async def test_invitation_has_the_path_below_which_the_page_is_mounted() -> None:
    async with _client("https://rooms.example", prefix="/calls") as client:
        answer = (await client.get("/calls/room/lobby/invitation")).json()

    assert answer["url"] == "https://rooms.example/calls/room/lobby"


async def test_invitation_keeps_the_slash_of_a_name_in_one_segment_of_its_path() -> None:
    async with _client("https://rooms.example", prefix="/calls") as client:
        answer = (await client.get("/calls/room/a%2Fb/invitation")).json()

    assert answer["url"] == "https://rooms.example/calls/room/a%2Fb"


async def test_qr_code_is_a_drawing_of_its_own_for_each_link() -> None:
    async with _client() as client:
        one, other = [await client.get(f"/room/{name}/qr.svg") for name in ("lobby", "kitchen")]

    assert one.headers["content-type"] == "image/svg+xml"
    assert ET.fromstring(one.text).tag == "{http://www.w3.org/2000/svg}svg"
    assert one.text != other.text


async def test_a_page_of_a_rebound_name_gets_no_room() -> None:
    async with _client("http://evil.example") as client:
        assert (await client.get("/room/lobby")).status_code == 403


@pytest.mark.parametrize(
    ("host", "shared"),
    [("127.0.0.1", None), ("localhost", None), ("::1", None), ("192.0.2.7", "192.0.2.7")],
)
def test_address_for_links_is_none_where_the_server_listens_on_the_loopback(
    host: str, shared: str | None
) -> None:
    assert shared_host(host) == shared
