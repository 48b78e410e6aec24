"""Ladder of a running call, as a page of the demo gets it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from handfast.demo.live import LiveLadder
from handfast.trace import TracedEnd, draw
from peer.times import UnixTime
from peer.tracing.events import Datagram, DatagramKind, Direction, Failed
from signaling import ChannelClosed
from tests.support.clock.deadline import DEADLINE
from tests.support.tracing.ladders import START, connected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import DataChannel


@dataclass
class _Channel:
    """A channel that keeps what is sent."""

    readyState: str = "open"
    bufferedAmount: int = 0
    sent: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def send(self, message: str) -> None:
        self.sent.put_nowait(message)


@dataclass
class _Page:
    """What a page makes of the messages."""

    channel: _Channel
    rows: list[dict[str, Any]] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)

    async def hear(self) -> None:
        message = await self.channel.sent.get()
        assert len(message) < 64 * 1024
        self.last = json.loads(message)
        self.rows[self.last["start"] :] = self.last["rows"]


@contextlib.asynccontextmanager
async def _shown(live: LiveLadder) -> AsyncIterator[_Page]:
    channel = _Channel()
    live.attach(cast("DataChannel", channel))
    task = asyncio.create_task(live.run())
    try:
        async with asyncio.timeout(DEADLINE):
            yield _Page(channel)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_live_ladder_has_events_before_its_channel_opened() -> None:
    live = LiveLadder()
    events = connected().offerer
    for event in events:
        live.buffer(event)

    async with _shown(live) as page:
        await page.hear()

    expected = draw(TracedEnd("Python peer", events), peer="this page")
    assert [row["row"] for row in page.rows] == [
        type(row).__name__.lower() for row in expected.rows
    ]
    assert page.last["verdict"] == expected.verdict
    assert (page.last["left"], page.last["right"]) == ("Python peer", "this page")


async def test_ladder_comes_over_signalling_until_there_is_a_channel_which_has_all_of_it() -> None:
    signalled: asyncio.Queue[str] = asyncio.Queue()
    live = LiveLadder(signalled.put)
    events = connected().offerer
    for event in events[:3]:
        live.buffer(event)
    task = asyncio.create_task(live.run())
    async with asyncio.timeout(DEADLINE):
        first = json.loads(await signalled.get())
        live.buffer(events[3])
        second = json.loads(await signalled.get())
        channel = _Channel()
        live.attach(cast("DataChannel", channel))
        page = _Page(channel)
        await page.hear()
        live.buffer(events[4])
        await page.hear()
    task.cancel()
    await asyncio.wait([task])

    assert (first["start"], len(first["rows"])) == (0, 3)
    assert second["start"] >= 1
    assert len(page.rows) == len(draw(TracedEnd("Python peer", events[:5]), peer="this page").rows)
    assert signalled.empty()


async def test_ladder_of_a_page_that_has_left_ends_nothing() -> None:
    async def gone(_: str) -> None:
        tried.set()
        raise ChannelClosed("the peer left the room")

    tried = asyncio.Event()
    live = LiveLadder(gone)
    for event in connected().offerer:
        live.buffer(event)
    task = asyncio.create_task(live.run())
    async with asyncio.timeout(DEADLINE):
        await tried.wait()
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    await asyncio.wait([task])


async def test_later_only_what_changed_is_told() -> None:
    live = LiveLadder()
    for event in connected().offerer:
        live.buffer(event)

    async with _shown(live) as page:
        await page.hear()
        before = list(page.rows)
        live.buffer(Failed(time=UnixTime(START + 0.2), sentence="it broke"))
        await page.hear()

    assert page.last["start"] == len(before)
    assert [row["row"] for row in page.last["rows"]] == ["failure"]
    assert page.rows[:-1] == before
    assert page.last["mood"] == "bad"


async def test_events_that_come_together_are_one_message() -> None:
    live = LiveLadder()

    async with _shown(live) as page:
        for event in connected().offerer:
            live.buffer(event)
        await page.hear()
        rest = page.channel.sent.qsize()

    assert len(page.rows) > 10
    assert rest == 0


async def test_descriptions_are_not_told_again() -> None:
    live = LiveLadder()
    for event in connected().offerer:
        live.buffer(event)

    async with _shown(live) as page:
        await page.hear()

    assert page.rows[0]["label"] == "offer"
    assert page.rows[0]["sdp"] == ""


def _noise(number: int) -> Datagram:
    return Datagram(
        time=UnixTime(START + 0.45 * number),
        direction=Direction.IN,
        kind=DatagramKind.DTLS,
        size=1,
        detail=f"Alert ({'x' * 300}{number})",
    )


async def test_rows_and_messages_are_bounded_whatever_the_peer_does() -> None:
    live = LiveLadder()
    for number in range(5_000):
        live.buffer(_noise(number))

    assert len(live.buffer.events) == 1_500
    async with _shown(live) as page:
        while not page.rows or page.rows[-1]["label"] != f"Alert ({'x' * 300}4999)":
            await page.hear()

    assert 150 < len(page.rows) <= 200
    (gap,) = [row for row in page.rows if row["row"] == "pause"]
    assert gap["left_out"] > 1_000


async def test_a_page_that_does_not_read_is_told_when_it_does() -> None:
    live = LiveLadder()

    async with _shown(live) as page:
        page.channel.bufferedAmount = 1_000_000
        live.buffer(Failed(time=UnixTime(START), sentence="it broke"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert page.channel.sent.empty()
        page.channel.bufferedAmount = 0
        await page.hear()

    assert page.rows[0]["sentence"] == "it broke"
