from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from handfast.demo.site import create_site


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_site(visitors=1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/main.js", "text/javascript"),
        ("/call/room.js", "text/javascript"),
        ("/style/base.css", "text/css"),
        ("/icon.svg", "image/svg+xml"),
    ],
)
async def test_the_page_is_served(client: httpx.AsyncClient, path: str, kind: str) -> None:
    response = await client.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"].split(";")[0] == kind


@pytest.mark.parametrize("path", ["/", "/main.js", "/nothing"])
async def test_every_answer_is_under_a_strict_policy(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers

    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/recordings/", "/recordings/other.webm", "/recordings/../recordings/x.webm"]
)
async def test_no_recording_is_found_without_its_name(tmp_path: Path, path: str) -> None:
    (tmp_path / "clip.webm").write_bytes(b"a recording")
    site = create_site(visitors=1, recordings={"secret.webm": tmp_path / "clip.webm"})
    transport = httpx.ASGITransport(site)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/recordings/secret.webm")).content == b"a recording"
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/../server.py", "/%2e%2e/cli.py", "/py.typed", "/ws"])
async def test_site_serves_only_the_page_and_published_recordings(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 404


async def test_the_page_is_asked_for_anew_each_time(client: httpx.AsyncClient) -> None:
    first = await client.get("/main.js")

    again = await client.get("/main.js", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/", "/recordings/secret.webm"])
async def test_a_name_that_was_rebound_to_our_address_gets_nothing(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "clip.webm").write_bytes(b"a recording")
    site = create_site(
        visitors=1, recordings={"secret.webm": tmp_path / "clip.webm"}, hosts=["demo.example"]
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site)) as client:
        refused = await client.get(f"http://evil.example{path}")
        assert (refused.status_code, b"recording" in refused.content) == (403, False)
        assert "evil.example; see --allow-host" in refused.text
        assert (await client.get(f"http://Demo.Example:8080{path}")).status_code == 200
