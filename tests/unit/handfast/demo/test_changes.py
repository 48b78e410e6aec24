"""Rekeys and ICE restarts that a page of the demo requests, and their results."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from handfast.demo.changes import Changes, PathWatch
from peer import InvalidStateError, RekeyResult
from peer.rekey.result import RekeyStarter
from peer.times import UnixTime
from peer.tracing.events import PathSelected
from tests.support.clock.deadline import DEADLINE
from tests.support.clock.virtual_time import run_in_virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import DataChannel, PeerConnection


@dataclass
class _Channel:
    """A channel that keeps what is sent."""

    readyState: str = "open"
    sent: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    hear: Callable[[str], None] = print

    def on(self, _event: str, handler: Callable[[str], None]) -> None:
        self.hear = handler

    def send(self, message: str) -> None:
        self.sent.put_nowait(message)


@dataclass
class _Connection:
    """A connection that does as it is told to, when it is told to."""

    results: asyncio.Queue[RekeyResult] = field(default_factory=asyncio.Queue)
    rekeys: int = 0
    restarts: int = 0
    error: InvalidStateError | None = None

    async def rekey(self) -> RekeyResult:
        self.rekeys += 1
        if self.error is not None:
            raise self.error
        return await self.results.get()

    def restartIce(self) -> None:
        if self.error is not None:
            raise self.error
        self.restarts += 1


@dataclass
class _Page:
    connection: _Connection
    channel: _Channel
    paths: PathWatch

    def ask(self, change: str) -> None:
        self.channel.hear(json.dumps({"change": change}))

    async def told(self) -> dict[str, Any]:
        return dict(json.loads(await self.channel.sent.get()))


@contextlib.asynccontextmanager
async def _page() -> AsyncIterator[_Page]:
    page = _Page(_Connection(), _Channel(), PathWatch())
    changes = Changes(cast("PeerConnection", page.connection), page.paths)
    changes.attach(cast("DataChannel", page.channel))
    task = asyncio.create_task(changes.run())
    try:
        async with asyncio.timeout(DEADLINE):
            yield page
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _result(*, changed: bool, reason: str = "it was asked for here") -> RekeyResult:
    return RekeyResult(
        changed=changed, reason=reason, started_by=RekeyStarter.LOCAL, duration=0.023
    )


async def test_new_keys_are_told_with_the_time_that_they_took() -> None:
    async with _page() as page:
        page.ask("rekey")
        page.connection.results.put_nowait(_result(changed=True))

        assert await page.told() == {
            "change": "rekey",
            "changed": True,
            "seconds": 0.023,
            "kept": False,
            "reason": "",
            "path": "",
        }


async def test_a_peer_that_cannot_rekey_is_told_so_in_its_own_words() -> None:
    async with _page() as page:
        page.ask("rekey")
        reason = "the peer kept its association"
        page.connection.results.put_nowait(_result(changed=False, reason=reason))

        told = await page.told()
        assert (told["changed"], told["kept"], told["reason"]) == (False, True, reason)


async def test_a_rekey_that_failed_is_told_apart_from_a_peer_that_keeps_its_keys() -> None:
    async with _page() as page:
        page.ask("rekey")
        page.connection.results.put_nowait(_result(changed=False, reason="no answer came"))

        told = await page.told()
        assert (told["changed"], told["kept"], told["reason"]) == (False, False, "no answer came")


@pytest.mark.parametrize("change", ["rekey", "restart-ice"])
async def test_a_connection_that_is_not_there_is_said_and_the_next_wish_is_heard(
    change: str,
) -> None:
    async with _page() as page:
        page.connection.error = InvalidStateError("the connection is closed")
        page.ask(change)

        told = await page.told()
        assert (told["changed"], told["reason"]) == (False, "the connection is closed")
        page.ask(change)
        assert (await page.told())["change"] == change


async def test_a_restart_is_over_when_another_path_is_chosen() -> None:
    async with _page() as page:
        page.paths(PathSelected(time=UnixTime(0.0), local="a:1", remote="b:2"))
        page.ask("restart-ice")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert page.connection.restarts == 1
        assert page.channel.sent.empty()

        page.paths(PathSelected(time=UnixTime(1.0), local="a:3", remote="b:4"))
        told = await page.told()
        assert (told["changed"], told["path"]) == (True, "a:3 → b:4")


async def test_while_one_thing_is_under_way_nothing_else_is_begun() -> None:
    async with _page() as page:
        for change in ("rekey", "rekey", "restart-ice"):
            page.ask(change)
            await asyncio.sleep(0)
        page.connection.results.put_nowait(_result(changed=True))
        await page.told()

        assert (page.connection.rekeys, page.connection.restarts) == (1, 0)


@pytest.mark.parametrize("message", ["", "{}", "[]", '{"change": "hang up"}', "\ud800", "1" * 4000])
async def test_message_that_is_no_change_request_is_ignored(message: str) -> None:
    async with _page() as page:
        page.channel.hear(message)
        page.ask("rekey")
        page.connection.results.put_nowait(_result(changed=True))

        assert (await page.told())["changed"] is True


async def test_a_page_that_is_gone_is_told_nothing() -> None:
    async with _page() as page:
        page.ask("rekey")
        page.channel.readyState = "closed"
        page.connection.results.put_nowait(_result(changed=True))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert page.channel.sent.empty()


def test_a_path_that_is_not_found_is_given_up_with_a_reason() -> None:
    async def wait() -> None:
        async with _page() as page:
            page.ask("restart-ice")
            told = await page.told()
            assert told["changed"] is False
            assert told["reason"] == "no other path was found within 15 s"

    assert run_in_virtual_time(wait) == pytest.approx(15, abs=0.1)
