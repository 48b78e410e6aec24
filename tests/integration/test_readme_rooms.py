"""Owns the proof that the guides' programs that join a room do there what they say, and live."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import TYPE_CHECKING

import av

from media.synthetic import SyntheticAudioTrack, SyntheticVideoTrack
from peer import SignalingState
from signaling import Reconnect, join
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import sent_for
from tests.support.negotiation.connections import loopback
from tests.support.network.free_ports import free_port
from tests.support.network.process_end import kill, send_signal
from tests.support.project.handfast_program import handfast_program
from tests.support.project.snippets import Snippet, snippets
from tests.support.project.source import ROOT
from tests.support.rooms.events import Watched

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from signaling import Participant

_ADDRESS = "ws://127.0.0.1:8080/ws"
_FRAMES = 20
#: Pictures of each file: what is sent in a second, less the first key frame's time to come.
_RECORDED = 10
_FAST = Reconnect(timeout=DEADLINE, first_delay=0.05, longest_delay=0.5)


def _program(document: str, part: str) -> Snippet:
    text = (ROOT / document).read_text()
    return next(program for program in snippets(document, text) if part in program.code)


class _Bot:
    """A program of a guide, in a room of its own."""

    def __init__(self, process: Process, room: str) -> None:
        self.room = room
        self.said: list[str] = []
        self._process = process

    async def says(self, part: str, count: int = 1) -> None:
        """Wait until it has printed so many lines with this in them."""
        assert self._process.stdout is not None
        while sum(part in line for line in self.said) < count:
            line = (await self._process.stdout.readline()).decode()
            if not line:
                assert self._process.stderr is not None
                raise AssertionError((await self._process.stderr.read()).decode())
            self.said.append(line)
            print(self.room, line, end="")

    async def end(self) -> None:
        """Send SIGTERM, and wait until it has completed its work."""
        send_signal(self._process, signal.SIGTERM)
        rest, errors = await self._process.communicate()
        self.said += rest.decode().splitlines()
        assert self._process.returncode == 0, errors.decode()
        assert errors == b""


def _written(program: Snippet, url: str, room: str, folder: Path) -> Path:
    folder.mkdir()
    file = folder / "program.py"
    code = program.code.replace(_ADDRESS, url).replace('"lobby"', f'"{room}"')
    # So that two tests at a time do not want one port.
    file.write_text(code.replace("9464", "0"))
    return file


@contextlib.asynccontextmanager
async def _bot(program: Snippet, url: str, room: str, folder: Path) -> AsyncIterator[_Bot]:
    file = _written(program, url, room, folder)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(file)),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield _Bot(process, room)
    finally:
        if process.returncode is None:
            kill(process)
            await process.communicate()


@contextlib.asynccontextmanager
async def _server(port: int) -> AsyncIterator[Process]:
    async with handfast_program("serve", "--port", str(port)) as program:
        assert program.stdout is not None
        assert await program.stdout.readline()
        yield program


@contextlib.asynccontextmanager
async def _caller(url: str, bot: _Bot, name: str) -> AsyncIterator[tuple[Watched, Participant]]:
    """Somebody with a camera, who sends for a second and hears whoever answers."""
    async with join(
        url, room=bot.room, name=name, reconnect=_FAST, configuration=loopback()
    ) as room:
        watched = Watched(room)
        room.publish(SyntheticVideoTrack(width=160, height=120))
        room.publish(SyntheticAudioTrack())
        await watched.participants(1)
        (participant,) = room.participants
        await participant.connection.connected()
        await sent_for(participant.connection, 1)
        yield watched, participant


async def _hears(watched: Watched) -> None:
    """Wait for some pictures of an echo."""
    await watched.until(lambda: any(e.track.kind == "video" for e in watched.of("track")))
    track = next(each.track for each in watched.of("track") if each.track.kind == "video")
    for _ in range(_FRAMES):
        await track.recv()


async def _hold(participant: Participant) -> None:
    """Put a call on hold, and take it up again."""
    pc = participant.connection
    for direction in ("inactive", "sendrecv"):
        offered, settled = asyncio.Event(), asyncio.Event()

        def note(offered: asyncio.Event = offered, settled: asyncio.Event = settled) -> None:
            if pc.signalingState is not SignalingState.STABLE:
                offered.set()
            elif offered.is_set():
                settled.set()

        pc.on("signalingstatechange", note)
        for transceiver in pc.getTransceivers():
            transceiver.direction = direction
        await settled.wait()
        pc.remove_listener("signalingstatechange", note)


async def _serve_calls(url: str, bot: _Bot, *, echoes: bool) -> None:
    """Call a bot three times in a row, once with a hold."""
    for number in (1, 2, 3):
        name = f"caller-{number}"
        async with _caller(url, bot, name) as (watched, participant):
            if echoes:
                await _hears(watched)
            if number == 2:
                await _hold(participant)
                await sent_for(participant.connection, 1)
                if echoes:
                    await _hears(watched)
        await bot.says(f"{name} is gone: left.")


def _pictures(file: Path) -> int:
    with av.open(str(file)) as recording:
        kinds = sorted(stream.type for stream in recording.streams)
        assert kinds == ["audio", "video"]
        return sum(1 for _ in recording.decode(video=0))


async def test_bots_live_through_callers_a_hold_and_a_server_that_is_killed(
    tmp_path: Path,
) -> None:
    port = free_port()
    url = f"ws://127.0.0.1:{port}/ws"
    async with (
        asyncio.timeout(3 * DEADLINE),
        _bot(_program("README.md", "addTrack(event.track)"), url, "e", tmp_path / "e") as echo,
        _bot(_program("README.md", "Recorder("), url, "r", tmp_path / "r") as recorder,
        _bot(_program("docs/BOTS.md", "parrot"), url, "p", tmp_path / "p") as parrot,
    ):
        bots = (echo, recorder, parrot)
        # There is no server yet.
        await asyncio.gather(*(bot.says("Next try in") for bot in bots))
        async with contextlib.AsyncExitStack() as callers, contextlib.AsyncExitStack() as stayers:
            async with _server(port) as server:
                await asyncio.gather(*(bot.says("In the room") for bot in bots))
                await asyncio.gather(
                    _serve_calls(url, echo, echoes=True), _serve_calls(url, recorder, echoes=False)
                )
                to_echo, _ = await callers.enter_async_context(_caller(url, echo, "caller-4"))
                to_recorder, recording = await stayers.enter_async_context(
                    _caller(url, recorder, "caller-4")
                )
                talking = await stayers.enter_async_context(
                    join(url, room="p", reconnect=_FAST, configuration=loopback())
                )
                talk = Watched(talking)
                await talk.participants(1)
                talking.send("before")
                await talk.text("You said: before")
                kill(server)
                watched = (to_echo, to_recorder, talk)
                await asyncio.gather(*(each.event("away") for each in watched))
                # Calls need no server.
                await _hears(to_echo)
                talking.send("meanwhile")
                await talk.text("You said: meanwhile")
            async with _server(port):
                await asyncio.gather(*(each.event("participantback") for each in watched))
                await asyncio.gather(*(bot.says("is back after") for bot in bots))
                await _hears(to_echo)
                await sent_for(recording.connection, 2)
                talking.send("after")
                await talk.text("You said: after")
                assert all(each.of("participantleft") == [] for each in watched)
                await callers.aclose()
                async with _caller(url, echo, "caller-5") as (another, _):
                    await _hears(another)
                # The recording goes on until the bot is told to end, and is complete then.
                await asyncio.gather(*(bot.end() for bot in bots))
                await stayers.aclose()

    assert all(any("Leaving the room" in line for line in bot.said) for bot in bots)
    files = list((tmp_path / "r").glob("*.mkv"))
    assert len(files) == 4
    assert min(_pictures(file) for file in files) >= _RECORDED
