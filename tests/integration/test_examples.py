"""Owns the proof that the programs of examples/ do what they say."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import av

from examples import minimal_bot
from media import SyntheticVideoTrack
from peer import PeerConnection
from signaling import Negotiator, connect
from signaling.server import create_app
from tests.support.browser.complaints import complaints
from tests.support.clock.deadline import DEADLINE
from tests.support.media.frames import has_label
from tests.support.network.asgi import serve
from tests.support.project.source import ROOT

if TYPE_CHECKING:
    from peer import TrackEvent


async def test_viewers_of_the_simulcast_relay_get_the_sizes_that_they_want() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-X", "dev", str(ROOT / "examples" / "simulcast_relay.py")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE):
        output, errors = await program.communicate()

    assert sorted(output.decode().splitlines()) == ["telephone: 160 by 90", "wall: 640 by 360"]
    assert complaints(errors.decode()) == []
    assert program.returncode == 0


async def test_two_peers_print_what_arrives() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-X", "dev", str(ROOT / "examples" / "two_peers.py")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE):
        output, errors = await program.communicate()

    lines = sorted(line.split()[0] for line in output.decode().splitlines())
    assert lines == ["<av.AudioFrame", "<av.VideoFrame,", "a"]
    assert complaints(errors.decode()) == []
    assert program.returncode == 0


async def test_the_minimal_bot_gives_the_picture_back_with_the_time_on_it() -> None:
    async with asyncio.timeout(DEADLINE), serve(create_app()) as address:
        bot = asyncio.create_task(minimal_bot.main(f"{address}/ws", "lobby"))
        frame = await _call(f"{address}/ws")
        bot.cancel()
        await asyncio.gather(bot, return_exceptions=True)

    assert has_label(frame)


async def _call(url: str) -> av.VideoFrame:
    """Call whoever is in the room; the first picture that comes back."""
    returned: asyncio.Future[av.VideoFrame] = asyncio.get_running_loop().create_future()

    async def look(event: TrackEvent) -> None:
        frame = await event.track.recv()
        assert isinstance(frame, av.VideoFrame)
        returned.set_result(frame)

    async with (
        await connect(url, room="lobby", name="caller") as channel,
        PeerConnection() as pc,
        asyncio.TaskGroup() as tasks,
    ):
        pc.on("track", look)
        pc.addTrack(SyntheticVideoTrack(width=320, height=240))
        tasks.create_task(Negotiator(pc, channel, polite=channel.polite).run())
        frame = await returned
        await pc.close()
    return frame
