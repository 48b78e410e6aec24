"""What a room server tells Prometheus is what has happened at it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as open_metrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from signaling.server import Limits, RedisBackplane, create_app
from tests.support.network.asgi_member import asgi_member

if TYPE_CHECKING:
    from starlette.types import ASGIApp

Samples = dict[tuple[str, str], float]


async def page(app: ASGIApp, accept: str = "") -> httpx.Response:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
    ) as client:
        return await client.get("/metrics", headers={"accept": accept})


async def samples(app: ASGIApp) -> Samples:
    families = text_string_to_metric_families((await page(app)).text)
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("handfast_") and not sample.name.endswith("_created")
    }


async def test_numbers_are_those_of_what_has_happened() -> None:
    app = create_app(limits=Limits(members_per_room=2), metrics=True)
    async with asgi_member(app, "r", name="Ada"), asgi_member(app, "r") as second:
        second.send(type="offer", sdp="v=0")
        for _ in range(3):
            second.send(type="nonsense")
        for _ in range(3):
            await second.until("error")
        with pytest.raises(AssertionError, match="refused: room-full"):
            async with asgi_member(app, "r"), asgi_member(app, "r"):
                pass
        found = await samples(app)
    octets = found.pop(("handfast_octets_total", ""))
    assert octets > len('{"type":"offer","sdp":"v=0"}')
    assert found == {
        ("handfast_joins_total", ""): 3,
        ("handfast_resumes_total", ""): 0,
        ("handfast_messages_total", ""): 1,
        ("handfast_refusals_total", "origin"): 0,
        ("handfast_refusals_total", "room-full"): 1,
        ("handfast_disconnects_total", "malformed"): 1,
        ("handfast_rooms", ""): 1,
        ("handfast_members", "connected"): 1,
        ("handfast_members", "away"): 0,
        ("handfast_backlog_messages", ""): 0,
    }


async def test_places_that_servers_share_are_not_said_to_be_none() -> None:
    # It is not reached: nobody joins.
    app = create_app(backplane=RedisBackplane("redis://127.0.0.1:1/0"), metrics=True)
    found = await samples(app)
    assert ("handfast_members", "connected") in found
    assert ("handfast_members", "away") not in found


async def test_an_absent_member_and_what_waits_for_it_are_told() -> None:
    app = create_app(metrics=True)
    async with asgi_member(app, "r") as here:
        async with asgi_member(app, "r", resumable=True, leaves=False):
            await here.until("peer-joined")
        here.send(type="offer", sdp="v=0")
        here.send(type="nonsense")
        await here.until("error")
        found = await samples(app)
    assert found["handfast_members", "away"] == 1
    # Its own last acknowledgement apart, the offer waits.
    assert found["handfast_backlog_messages", ""] == 1


async def test_no_label_is_the_name_of_a_room_or_a_member() -> None:
    app = create_app(metrics=True)
    before = {key for key in await samples(app) if key[0] != "handfast_disconnects_total"}
    for number in range(20):
        async with asgi_member(app, f"room {number}", name=f"name {number}"):
            pass
    assert {key for key in await samples(app) if key[0] != "handfast_disconnects_total"} == before


async def test_open_metrics_is_spoken_to_who_asks_for_it() -> None:
    answer = await page(create_app(metrics=True), "application/openmetrics-text; version=1.0.0")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert list(open_metrics_families(answer.text))  # type: ignore[no-untyped-call] # the library's


async def test_two_apps_of_a_process_count_each_for_itself() -> None:
    one, other = create_app(metrics=True), create_app(metrics=True)
    async with asgi_member(one, "r"):
        assert (await samples(one))["handfast_members", "connected"] == 1
        assert (await samples(other))["handfast_members", "connected"] == 0


async def test_without_the_library_rooms_run_and_metrics_say_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    app = create_app()
    async with asgi_member(app, "r"):
        assert (await page(app)).status_code == 404
    with pytest.raises(ImportError, match=r"handfast\[metrics\]"):
        create_app(metrics=True)
