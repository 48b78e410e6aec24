"""Owns the proof that the README's programs that join a room do there what they say."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import av
import pytest

from media.synthetic import SyntheticAudioTrack, SyntheticVideoTrack
from peer import PeerConfiguration, PeerConnection
from signaling import Negotiator, connect
from signaling.server import create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.network.asgi import serve
from tests.support.project.snippets import Snippet, snippets
from tests.support.project.source import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from peer import TrackEvent

_ADDRESS = "ws://127.0.0.1:8080/ws"
_FRAMES = 20


def _program(name: str) -> Snippet:
    text = (ROOT / "README.md").read_text()
    return next(program for program in snippets("README.md", text) if name in program.code)


async def _run(program: Snippet, url: str, folder: Path) -> asyncio.subprocess.Process:
    file = folder / "program.py"
    file.write_text(program.code.replace(_ADDRESS, url))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", str(file), cwd=folder, stderr=asyncio.subprocess.PIPE
    )


class _Caller:
    """Somebody with a camera, who waits in the room, is called, and leaves after some frames."""

    def __init__(self) -> None:
        self.pictures = 0
        self._enough = asyncio.Event()

    async def call(self, url: str, *, wants_echo: bool) -> None:
        channel = await connect(url, room="lobby")
        async with PeerConnection(PeerConfiguration(interfaces=("127.0.0.1",))) as pc:
            pc.on("track", self._watch)
            picture = pc.addTrack(SyntheticVideoTrack(width=160, height=120))
            pc.addTrack(SyntheticAudioTrack())
            negotiation = asyncio.create_task(Negotiator(pc, channel, polite=False).run())
            await pc.connected()
            if wants_echo:
                await self._enough.wait()
            else:
                await _until_sent(pc, picture.ssrc)
        await negotiation
        await channel.close()

    async def _watch(self, event: TrackEvent) -> None:
        if event.track.kind != "video":
            return
        while self.pictures < _FRAMES:
            await event.track.recv()
            self.pictures += 1
        self._enough.set()


async def _until_sent(pc: PeerConnection, ssrc: int) -> None:
    sent = 0
    while sent < 2 * _FRAMES:
        # The frames themselves set the pace: there is no event for "a frame was sent".
        await asyncio.sleep(0.05)
        stats = await pc.getStats()
        sent = max((getattr(s, "framesEncoded", 0) for s in stats.values()), default=0)


@pytest.mark.parametrize("name", ["pc.addTrack(event.track)", "Recorder("])
async def test_a_program_serves_a_caller(name: str, tmp_path: Path) -> None:
    async with serve(create_app()) as url, asyncio.timeout(DEADLINE):
        caller = _Caller()
        call = asyncio.create_task(caller.call(f"{url}/ws", wants_echo=name.startswith("pc.")))
        program = await _run(_program(name), f"{url}/ws", tmp_path)
        _, errors = await program.communicate()
        await call
    assert program.returncode == 0, errors.decode()
    assert errors == b""
    if name == "Recorder(":
        with av.open(str(tmp_path / "call.mkv")) as recording:
            kinds = sorted(stream.type for stream in recording.streams)
            assert kinds == ["audio", "video"]
            assert sum(1 for _ in recording.decode(video=0)) >= _FRAMES
    else:
        assert caller.pictures >= _FRAMES
