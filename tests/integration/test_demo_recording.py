"""Owns the proof that the demo records what a page sends, without a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from handfast.demo import DemoOptions, open_demo
from handfast.demo.site import SIGNALING_PATH
from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import PeerConnection
from signaling import Negotiator, connect
from tests.support.media.clips import decoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from handfast.demo import Demo
    from peer import MediaStreamTrack


class _Page:
    """What a page does with the channel `recording`."""

    def __init__(self, pc: PeerConnection) -> None:
        self._channel = pc.createDataChannel("recording")
        self._said: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._channel.on("message", self._said.put_nowait)
        self.opened = asyncio.Event()
        self._channel.on("open", self.opened.set)

    def ask(self, action: str) -> None:
        self._channel.send(json.dumps({"action": action}))

    async def told(self, state: str, *, seconds: float = 0) -> dict[str, Any]:
        """The next that is so."""
        while True:
            told: dict[str, Any] = json.loads(await self._said.get())
            if told["state"] == state and told["seconds"] >= seconds:
                return told

    async def record(self) -> dict[str, Any]:
        """Record for a second."""
        self.ask("start")
        await self.told("recording", seconds=1)
        self.ask("stop")
        return await self.told("ready")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files lie."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _left(folder: Path) -> list[Path]:
    """What recordings are there."""
    return list(folder.rglob("*.webm"))


@contextlib.asynccontextmanager
async def _page(demo: Demo, *tracks: MediaStreamTrack) -> AsyncIterator[_Page]:
    url = demo.url.replace("http", "ws", 1).rstrip("/") + SIGNALING_PATH
    async with (
        await connect(url, room="demo", name="page") as channel,
        PeerConnection() as pc,
        asyncio.TaskGroup() as tasks,
    ):
        page = _Page(pc)
        for track in tracks:
            pc.addTrack(track)
        tasks.create_task(Negotiator(pc, channel, polite=channel.polite).run())
        await page.opened.wait()
        yield page
        await pc.close()


def _media() -> tuple[MediaStreamTrack, MediaStreamTrack]:
    return SyntheticVideoTrack(width=320, height=240), SyntheticAudioTrack()


async def test_a_recording_is_served_as_it_was_sent(folder: Path) -> None:
    async with (
        open_demo(DemoOptions(port=0)) as demo,
        httpx.AsyncClient(base_url=demo.url) as client,
        _page(demo, *_media()) as page,
    ):
        told = await page.record()
        answer = await client.get(told["url"])
        part = await client.get(told["url"], headers={"Range": "bytes=0-99"})

    file = folder / "answer.webm"
    file.write_bytes(answer.content)
    assert set(decoded(file)) == {"vp8", "opus"}
    assert len(answer.content) == told["size"]
    # The times are those at which frames begin, and the last picture of a busy machine stands long.
    assert max(map(max, decoded(file).values())) == pytest.approx(told["seconds"], abs=0.5)
    assert answer.headers["content-type"] == "video/webm"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert part.content == answer.content[:100]


async def test_demo_recording_has_an_unguessable_address() -> None:
    async with open_demo(DemoOptions(port=0)) as demo, _page(demo, *_media()) as page:
        urls = [(await page.record())["url"] for _ in range(2)]

    assert len(set(urls)) == 2
    assert all(re.fullmatch(r"recordings/[\w-]{32}\.webm", url) for url in urls)


async def test_demo_recording_is_deleted_by_the_next_one_and_with_its_call(folder: Path) -> None:
    async with open_demo(DemoOptions(port=0)) as demo, httpx.AsyncClient() as client:
        async with _page(demo, *_media()) as page:
            urls = [demo.url + (await page.record())["url"] for _ in range(2)]
            during = [(await client.get(url)).status_code for url in urls]
            assert len(_left(folder)) == 1
        await demo.host.until(lambda visits: not visits)
        after = [(await client.get(url)).status_code for url in urls]
        assert _left(folder) == []

    assert during == [404, 200]
    assert after == [404, 404]


async def test_a_page_that_leaves_meanwhile_leaves_nothing(folder: Path) -> None:
    async with open_demo(DemoOptions(port=0)) as demo:
        async with _page(demo, *_media()) as page:
            page.ask("start")
            await page.told("recording", seconds=1)
            assert len(_left(folder)) == 1
        await demo.host.until(lambda visits: not visits)

        assert _left(folder) == []
    assert [name for name in os.listdir(folder) if name.startswith("handfast-")] == []


async def test_demo_recording_is_not_served_before_it_is_complete(folder: Path) -> None:
    async with (
        open_demo(DemoOptions(port=0)) as demo,
        httpx.AsyncClient() as client,
        _page(demo, *_media()) as page,
    ):
        page.ask("start")
        await page.told("recording", seconds=1)
        (file,) = _left(folder)
        answer = await client.get(f"{demo.url}recordings/{file.parent.name}.webm")

    assert answer.status_code == 404


async def test_a_page_that_sends_nothing_is_told_so() -> None:
    async with open_demo(DemoOptions(port=0)) as demo, _page(demo) as page:
        page.ask("nonsense")
        page.ask("start")
        told = await page.told("failed")

    assert told["reason"] == "this page sends neither picture nor sound"
