"""aiortc's own examples on `peer.compat`, after one changed import each.

They are in aiortc's source distribution, which `make dependants` fetches; nothing of it is
committed.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import av
import pytest

from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.clock.deadline import DEADLINE
from tests.support.dependants.environments import DEPENDANTS
from tests.support.dependants.program import DependantProgram, serves
from tests.support.media.clips import make_clip
from tests.support.network.free_ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.browser.browsers import Page

pytestmark = [pytest.mark.long, pytest.mark.browser("chromium"), pytest.mark.timeout(600)]

EXAMPLES = DEPENDANTS["aiortc-examples"]
FRAMES = "document.getElementById('video').getVideoPlaybackQuality().totalVideoFrames"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """The examples, in each of which `aiortc` in an import is now `peer.compat`."""
    folder = EXAMPLES.unpacked(tmp_path) / "examples"
    for file in folder.glob("*/*.py"):
        text = re.sub(r"^from aiortc\b", "from peer.compat", file.read_text(), flags=re.MULTILINE)
        file.write_text(text)
        assert "from peer.compat" in text or "aiortc" not in text
    return folder


def example(script: Path, *arguments: str) -> DependantProgram:
    return DependantProgram(EXAMPLES, [str(script), *arguments])


async def started(page: Page) -> None:
    await page.wait_for("document.readyState === 'complete'")
    await page.evaluate("void start()")


async def test_server_example_answers_changes_pictures_and_records(
    examples: Path, tmp_path: Path
) -> None:
    port, recording = free_port(), tmp_path / "recording.mp4"
    script = examples / "server" / "server.py"
    arguments = ["--host=127.0.0.1", f"--port={port}", f"--record-to={recording}"]
    async with example(script, *arguments), open_browser(BrowserName.CHROMIUM) as browser:
        await serves(port)
        page = await browser.open(f"http://127.0.0.1:{port}/")
        for box in ("use-datachannel", "use-audio", "use-video"):
            await page.evaluate(f"void (document.getElementById('{box}').checked = true)")
        await page.evaluate("void (document.getElementById('video-transform').value = 'edges')")
        await started(page)
        await page.wait_for(f"{FRAMES} > 30")
        await page.wait_for("document.getElementById('data-channel').textContent.includes('pong')")
        await page.evaluate("void stop()")
        await page.wait_for("pc.signalingState === 'closed'")
        async with asyncio.timeout(DEADLINE):
            while not is_whole(recording):  # noqa: ASYNC110 - the example does not say so
                await asyncio.sleep(0.2)
    with av.open(str(recording)) as container:
        kinds = sorted(stream.type for stream in container.streams)
        assert kinds == ["audio", "video"]
        assert sum(1 for _ in container.decode(video=0)) > 20


def is_whole(recording: Path) -> bool:
    """Whether a recording has been completed: its index then says how long it is."""
    try:
        with av.open(str(recording)) as container:
            return bool(container.duration)
    except (OSError, ValueError):
        return False


@pytest.mark.parametrize("decode", [True, False], ids=["decoded", "as it is"])
async def test_webcam_example_plays_a_film(examples: Path, tmp_path: Path, decode: bool) -> None:
    film = make_clip(tmp_path / "film.mp4", seconds=20, video="libx264", audio=None)
    port, script = free_port(), examples / "webcam" / "webcam.py"
    arguments = ["--host=127.0.0.1", f"--port={port}", f"--play-from={film}"]
    if not decode:
        arguments += ["--play-without-decoding", "--video-codec=video/H264"]
    async with example(script, *arguments), open_browser(BrowserName.CHROMIUM) as browser:
        await serves(port)
        page = await browser.open(f"http://127.0.0.1:{port}/")
        await started(page)
        await page.wait_for(f"{FRAMES} > 30")
        assert await page.evaluate("document.getElementById('video').videoWidth") == 64


async def test_datachannel_example_meets_another_run_of_it(examples: Path, tmp_path: Path) -> None:
    script = examples / "datachannel-cli" / "cli.py"
    way = ["--signaling=unix-socket", f"--signaling-path={tmp_path / 'socket'}"]
    async with example(script, "offer", *way) as caller:
        while not (tmp_path / "socket").exists():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.1)
        async with example(script, "answer", *way) as callee:
            await caller.said(r"RTT [\d.]+ ms")
            await callee.said(r"channel\(chat\) < ping \d+")
            # What a user does to end it; it then says goodbye to the other.
            caller.interrupt()
            await callee.said("Exiting")


async def test_videostream_example_records_what_another_run_plays(
    examples: Path, tmp_path: Path
) -> None:
    script, recording = examples / "videostream-cli" / "cli.py", tmp_path / "recording.mp4"
    way = ["--signaling=unix-socket", f"--signaling-path={tmp_path / 'socket'}"]
    film = make_clip(tmp_path / "film.webm", seconds=20)
    async with example(script, "offer", f"--play-from={film}", *way) as caller:
        while not (tmp_path / "socket").exists():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.1)
        async with example(script, "answer", f"--record-to={recording}", *way) as callee:
            await callee.said("Receiving video")
            async with asyncio.timeout(DEADLINE):
                while not recording.exists() or recording.stat().st_size < 20_000:  # noqa: ASYNC110 - likewise
                    await asyncio.sleep(0.1)
            caller.interrupt()
            await callee.said("Exiting")
            await callee.ended()
    with av.open(str(recording)) as container:
        assert sorted(stream.type for stream in container.streams) == ["audio", "video"]
        assert sum(1 for _ in container.decode(video=0)) > 10
