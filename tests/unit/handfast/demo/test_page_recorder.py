from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, cast

import pytest
from pyee import EventEmitter

from handfast.demo.clips import ClipFolder
from handfast.demo.page_recorder import PageRecorder
from media import SyntheticVideoTrack
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from peer import DataChannel


class _Channel(EventEmitter):
    """As much of a data channel as a studio uses."""

    readyState = "open"

    def __init__(self) -> None:
        super().__init__()
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def send(self, text: str) -> None:
        self._sent.put_nowait(json.loads(text))

    def ask(self, action: str) -> None:
        self.emit("message", json.dumps({"action": action}))

    async def told(self, *states: str) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE):
            while (told := await self._sent.get())["state"] not in states:
                pass
        return told


@contextlib.asynccontextmanager
async def _running(recorder: PageRecorder) -> AsyncIterator[_Channel]:
    channel = _Channel()
    recorder.attach(cast("DataChannel", channel))
    running = asyncio.create_task(recorder.run())
    yield channel
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("bound", [{"longest": 0.5}, {"largest": 1}])
async def test_page_recording_ends_at_its_limits(tmp_path: Path, bound: dict[str, Any]) -> None:
    folder = ClipFolder(tmp_path)
    recorder = PageRecorder(folder, **bound)
    recorder.add_track(SyntheticVideoTrack(width=64, height=48))
    async with _running(recorder) as channel:
        channel.ask("start")
        told = await channel.told("ready", "failed")

        assert told["state"] == "ready"
        assert told["seconds"] < 3
        assert f"recordings/{next(iter(folder.served))}" == told["url"]
    assert folder.served == {}
    assert os.listdir(tmp_path) == []


async def test_second_request_to_start_recording_changes_nothing(tmp_path: Path) -> None:
    recorder = PageRecorder(ClipFolder(tmp_path))
    recorder.add_track(SyntheticVideoTrack(width=64, height=48))
    async with _running(recorder) as channel:
        channel.ask("start")
        await channel.told("recording")
        channel.ask("start")
        await asyncio.sleep(0.3)
        channel.ask("stop")
        await channel.told("ready")

        assert len(os.listdir(tmp_path)) == 1


async def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    recorder = PageRecorder(ClipFolder(tmp_path / "gone"))
    async with _running(recorder) as channel:
        channel.ask("start")

        assert (await channel.told("failed"))["reason"] == "No such file or directory"


@pytest.mark.parametrize("message", ["", "{}", b"\xff", '{"action": "dance"}', "[1]"])
async def test_message_that_is_no_record_request_is_ignored(
    tmp_path: Path, message: str | bytes
) -> None:
    async with _running(PageRecorder(ClipFolder(tmp_path))) as channel:
        channel.emit("message", message)
        channel.ask("start")

        assert (await channel.told("failed"))["reason"].startswith("this page sends neither")
