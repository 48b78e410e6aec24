"""The files of the pages as a browser's cache asks for them: whole, then whether they changed."""

from __future__ import annotations

import httpx
import pytest

from handfast.demo.site import create_site

_FILES = (
    "/",
    "/main.js",
    "/room/lobby",
    "/meeting/main.js",
    "/style/base.css",
    "/view/dom.js",
    "/icon.svg",
    "/handfast-client.js",
)


def _client() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_site(visitors=1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.mark.parametrize("path", _FILES)
async def test_a_file_of_the_pages_is_sent_once_and_then_told_to_be_the_same(path: str) -> None:
    async with _client() as client:
        first = await client.get(path)
        again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
        since = await client.get(
            path, headers={"If-Modified-Since": first.headers["last-modified"]}
        )
        changed = await client.get(path, headers={"If-None-Match": '"of another version"'})

    assert [each.status_code for each in (first, changed)] == [200, 200]
    assert first.content == changed.content != b""
    assert [(each.status_code, each.content) for each in (again, since)] == [(304, b"")] * 2
    assert {each.headers["cache-control"] for each in (first, again)} == {"no-cache"}
    assert again.headers["etag"] == first.headers["etag"]


async def test_a_page_of_another_origin_may_read_the_client_that_it_has_already() -> None:
    async with _client() as client:
        first = await client.get("/handfast-client.js", headers={"Origin": "https://a.example"})
        again = await client.get(
            "/handfast-client.js",
            headers={"Origin": "https://a.example", "If-None-Match": first.headers["etag"]},
        )

    assert again.status_code == 304
    assert again.headers["access-control-allow-origin"] == "*"
