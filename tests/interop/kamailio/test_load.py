"""Calls of sipp through Kamailio to a bot, one after the other and all at once: none is lost."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
import weakref
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from signaling import sip
from tests.support.negotiation.connections import until
from tests.support.peers.kamailio import kamailio
from tests.support.peers.sipp import sipp_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.peers.kamailio import Kamailio

pytestmark = [pytest.mark.needs("kamailio", "sipp"), pytest.mark.xdist_group("peer-kamailio")]

USERS = {"ann": "secret-of-ann", "bot": "secret-of-the-bot"}
#: Octets that Python may hold more after 100 further calls (ours): what caches and counters take,
#: and a hundredth of what 100 connections take.
FLAT = 256 * 1024


class LoadedBot:
    """A bot that answers each call, all at once where it waits for several.

    Args:
        phone: Its phone.
        waits_for: Calls that ring before the first of them is answered.
    """

    def __init__(self, phone: sip.Phone, *, waits_for: int) -> None:
        self._phone = phone
        self._waits_for = waits_for
        self._tasks: set[asyncio.Task[None]] = set()
        self._enough = asyncio.Event()
        self.came = 0
        self.most = 0
        self.ends: list[sip.EndCause] = []
        self.memory: list[int] = []
        self.kept: weakref.WeakSet[object] = weakref.WeakSet()

    async def run(self) -> None:
        async for call in self._phone.calls():
            self.came += 1
            self.most = max(self.most, len(self._phone.current_calls))
            if self.came >= self._waits_for:
                self._enough.set()
            task = asyncio.create_task(self._serve(call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            del call, task

    async def _serve(self, call: sip.Call) -> None:
        call.ring()
        await self._enough.wait()
        connection = await call.answer()
        self.kept.add(call)
        self.kept.add(connection)
        self.ends.append((await call.ended()).cause)
        if tracemalloc.is_tracing() and len(self.ends) % 100 == 0:
            gc.collect()
            self.memory.append(tracemalloc.get_traced_memory()[0])


@asynccontextmanager
async def loaded_bot(folder: Path, *, waits_for: int) -> AsyncIterator[tuple[Kamailio, LoadedBot]]:
    """A bot that is registered at Kamailio, and keeps nothing of its calls in the end."""
    async with (
        kamailio(folder, users=USERS) as proxy,
        sip.register(proxy.ws, proxy.aor("bot"), USERS["bot"]) as phone,
    ):
        tasks = len(asyncio.all_tasks())
        bot = LoadedBot(phone, waits_for=waits_for)
        running = asyncio.create_task(bot.run())
        try:
            yield proxy, bot
            await until(lambda: len(asyncio.all_tasks()) <= tasks + 1)
            assert phone.current_calls == ()
            gc.collect()
            # The phone's tasks may still hold the last call that they had in hand.
            assert len(bot.kept) <= 2, list(bot.kept)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("calls", [10, pytest.param(200, marks=pytest.mark.long)])
async def test_no_call_of_many_in_a_row_is_lost_and_nothing_is_kept(
    tmp_path: Path, calls: int
) -> None:
    if calls >= 200:
        tracemalloc.start()
    try:
        async with loaded_bot(tmp_path, waits_for=1) as (proxy, bot):
            secret = USERS["ann"]
            await sipp_calls(
                tmp_path, proxy, user="ann", secret=secret, to="bot", calls=calls, at_once=1
            )
            await until(lambda: len(bot.ends) == calls)
            assert bot.ends == [sip.EndCause.REMOTE] * calls
    finally:
        tracemalloc.stop()
    assert not bot.memory or bot.memory[-1] - bot.memory[0] < FLAT, bot.memory


@pytest.mark.timeout(600)
async def test_no_call_of_fifty_at_once_is_lost_and_nothing_is_kept(tmp_path: Path) -> None:
    async with loaded_bot(tmp_path, waits_for=50) as (proxy, bot):
        secret = USERS["ann"]
        await sipp_calls(tmp_path, proxy, user="ann", secret=secret, to="bot", calls=50, at_once=50)
        await until(lambda: len(bot.ends) == 50)
        assert bot.most == 50
        assert bot.ends == [sip.EndCause.REMOTE] * 50
