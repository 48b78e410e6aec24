"""Owns the proof of `handfast record` and `handfast call`: peers of ours are in the room."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from handfast.cli import app
from media import SyntheticAudioTrack, SyntheticVideoTrack
from peer import PeerConnection
from signaling import Negotiator, join
from signaling.errors import ErrorCode
from signaling.server import Refusal, Rights, create_app
from tests.support.browser.complaints import complaints
from tests.support.clock.deadline import DEADLINE
from tests.support.media.clips import decoded, make_clip
from tests.support.negotiation.connection_media import hears, sent_for
from tests.support.network.asgi import serve
from tests.support.network.process_end import send_signal
from tests.support.project.handfast_program import handfast_program

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from peer import MediaStreamTrack, TrackEvent
    from signaling.server import JoinRequest

#: Seconds; ends a test that hangs. Some call two programs, one after the other.
_LIMIT = 2 * DEADLINE


@contextlib.asynccontextmanager
async def _room() -> AsyncIterator[str]:
    """A server; the address of its room `lobby`."""
    async with asyncio.timeout(_LIMIT), serve(create_app()) as address:
        yield f"{address}/ws#lobby"


async def _end(program: Process, status: int = 0) -> str:
    """Wait for it; what it said."""
    said, errors = await program.communicate()
    assert complaints(errors.decode()) == []
    assert program.returncode == status, said.decode()
    return said.decode()


def _sidecar(file: str) -> dict[str, Any]:
    """What lies beside a file of a recording."""
    found: dict[str, Any] = json.loads(Path(f"{file}.json").read_text())
    return found


def _complaint(*arguments: str) -> str:
    """What a program says that cannot begin."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    return result.stderr


@dataclass(frozen=True)
class _Member:
    """One member of the room, and the tracks that come to it."""

    pc: PeerConnection
    arrived: asyncio.Queue[MediaStreamTrack]


@contextlib.asynccontextmanager
async def _member(
    room: str, program: str, *tracks: MediaStreamTrack, name: str = "alice", codec: str = ""
) -> AsyncIterator[_Member]:
    """In a call with the program of that name in the room."""
    url, _, lobby = room.partition("#")
    arrived: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()

    def take(event: TrackEvent) -> None:
        arrived.put_nowait(event.track)

    async with (
        await join(url, room=lobby, name=name) as others,
        PeerConnection() as pc,
        asyncio.TaskGroup() as tasks,
    ):
        pc.on("track", take)
        channel = await anext(each async for each in others.channels() if each.peer.name == program)
        for track in tracks:
            pc.addTrack(track)
        if codec:
            pc.getTransceivers()[0].setCodecPreferences([codec])
        tasks.create_task(Negotiator(pc, channel, polite=channel.polite).run())
        yield _Member(pc, arrived)
        await pc.close()


def _media(width: int = 320) -> tuple[MediaStreamTrack, MediaStreamTrack]:
    return SyntheticVideoTrack(width=width, height=240), SyntheticAudioTrack()


async def test_a_recording_ends_when_the_other_one_leaves(tmp_path: Path) -> None:
    file = tmp_path / "out.webm"
    async with _room() as room, handfast_program("record", room, str(file)) as program:
        async with _member(room, "recorder", *_media()) as alice:
            await sent_for(alice.pc, 3)
        said = await _end(program)

    streams = decoded(file)
    assert set(streams) == {"vp8", "opus"}
    assert min(times[-1] for times in streams.values()) > 1
    assert "alice came.\nalice left.\n" in said
    assert f"{file}  " in said
    assert "Written as it came: VP8 and Opus." in said


async def test_any_room_is_recorded_by_the_address_of_its_page_and_a_token_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDFAST_TOKEN", "let me in")

    async def authorize(request: JoinRequest) -> Rights | Refusal:
        if request.name == "alice" or request.token == "let me in":
            return Rights()
        return Refusal("no token", ErrorCode.UNAUTHORIZED)

    file = tmp_path / "all.webm"
    async with asyncio.timeout(_LIMIT), serve(create_app(authorize=authorize)) as address:
        page = f"{address.replace('ws', 'http', 1)}/room/two%20words"
        options = (str(file), "--composite", "--max-duration", "2s")
        async with (
            handfast_program("record", page, *options) as program,
            _member(f"{address}/ws#two words", "recorder", *_media()),
        ):
            said = await _end(program)

    assert "In the room two words." in said
    assert {times[-1] > 1 for times in decoded(file).values()} == {True}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_completes_the_recording(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "out-2.mkv"
    before = tmp_path / "out.mkv"
    before.write_bytes(b"what was recorded before")
    async with (
        _room() as room,
        handfast_program("record", room, str(before)) as program,
        _member(room, "recorder", *_media()) as alice,
    ):
        await sent_for(alice.pc, 3)
        send_signal(program, number)
        said = await _end(program)

    assert {len(times) > 45 for times in decoded(file).values()} == {True}
    assert f"{file}  " in said
    assert before.read_bytes() == b"what was recorded before"


@pytest.mark.parametrize(
    ("options", "files"),
    [
        (["--per-participant"], ["out-alice.webm", "out-bob-n.webm"]),
        ([], ["out-bob-n.webm", "out.webm"]),
    ],
)
async def test_record_writes_a_file_for_each_participant(
    tmp_path: Path, options: list[str], files: list[str]
) -> None:
    file = tmp_path / "out.webm"
    async with _room() as room, handfast_program("record", *options, room, str(file)) as program:
        assert program.stdout is not None
        before = await program.stdout.readuntil(b"Ctrl-C")
        assert b"out-NAME.webm" in before
        async with _member(room, "recorder", *_media(), name="alice") as alice:
            await sent_for(alice.pc, 1)
            async with _member(room, "recorder", *_media(), name="../bob\n{n}") as bob:
                await sent_for(bob.pc, 3)
        said = await _end(program)

    # Nobody's name is a line of its own.
    assert "../bob\ufffd{n} came.\n" in said
    assert sorted(os.listdir(tmp_path)) == files
    for name in os.listdir(tmp_path):
        assert set(decoded(tmp_path / name)) == {"vp8", "opus"}
        with av.open(str(tmp_path / name)) as container:
            assert [len(container.streams.video), len(container.streams.audio)] == [1, 1]


async def test_a_composite_is_one_picture_and_one_sound(tmp_path: Path) -> None:
    file = tmp_path / "out.webm"
    async with (
        _room() as room,
        handfast_program("record", room, str(file), "--composite") as program,
    ):
        async with (
            _member(room, "recorder", *_media(), name="alice") as alice,
            _member(room, "recorder", *_media(), name="bob") as bob,
        ):
            await sent_for(alice.pc, 4)
            await sent_for(bob.pc, 4)
        said = await _end(program)

    assert os.listdir(tmp_path) == ["out.webm"]
    with av.open(str(file)) as container:
        (picture,), (_,) = container.streams.video, container.streams.audio
        assert (picture.width, picture.height) == (1280, 720)
    assert len(decoded(file)["vp8"]) > 20
    assert "Mixed from VP8 and Opus, encoded as VP8 and Opus." in said


async def test_record_tells_of_a_codec_that_its_container_cannot_hold(tmp_path: Path) -> None:
    file = tmp_path / "out.webm"
    picture = SyntheticVideoTrack(width=320, height=240)
    async with _room() as room, handfast_program("record", room, str(file)) as program:
        async with _member(room, "recorder", picture, codec="video/H264") as alice:
            await sent_for(alice.pc, 3)
        said = await _end(program)

    assert set(decoded(file)) == {"vp8"}
    assert "Encoded anew, as the file cannot hold it: H264 as VP8." in said


async def test_recording_to_standard_output_is_read_as_it_is_made(tmp_path: Path) -> None:
    async with (
        _room() as room,
        handfast_program("record", room, "-", "--format", "mkv", dev_mode=True) as program,
    ):
        async with _member(room, "recorder", *_media()) as alice:
            await sent_for(alice.pc, 2)
        made, said = await program.communicate()

    assert program.returncode == 0, said.decode()
    file = tmp_path / "read.mkv"
    file.write_bytes(made)
    assert {len(times) > 5 for times in decoded(file).values()} == {True}
    assert b"alice came.\n" in said
    assert b"Nothing was lost." in said


async def test_program_reads_json_lines_of_a_recording_that_ends_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "out-{n}.webm"
    options = ["--json", "--segment", "1s", "--max-duration", "3s", "--sidecar"]
    async with (
        _room() as room,
        handfast_program("record", room, str(file), *options, dev_mode=True) as program,
        _member(room, "recorder", SyntheticAudioTrack()),
    ):
        told, said = await program.communicate()

    assert program.returncode == 0, said.decode()
    events = [json.loads(line) for line in told.splitlines()]
    names = [each["event"] for each in events]
    assert names[:2] == ["started", "joined"]
    assert names[-1] == "ended"
    assert "progress" in names
    segments = [each for each in events if each["event"] == "segment"]
    assert [each["end"] for each in segments[:-1]] == ["duration"] * (len(segments) - 1)
    assert len(segments) > 1
    assert [each["path"] for each in segments] == events[-1]["files"]
    for each in segments:
        (sound,) = _sidecar(each["path"])["tracks"]
        assert [one["name"] for one in sound["people"]] == ["alice"]
    assert sorted(events[-1]["files"]) == sorted(
        str(tmp_path / name) for name in os.listdir(tmp_path) if not name.endswith(".json")
    )
    assert b"alice came." in said


async def test_a_recording_of_nobody_is_no_success(tmp_path: Path) -> None:
    async with (
        _room() as room,
        handfast_program("record", room, str(tmp_path / "out.webm")) as program,
    ):
        assert program.stdout is not None
        await program.stdout.readuntil(b"Ctrl-C")
        send_signal(program, signal.SIGINT)
        said = await _end(program, status=1)

    assert said.endswith("Nothing was recorded.\n")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("room", "file", "words"),
    [
        ("lobby", "out.webm", "https://host/room/NAME, or wss://host/path#NAME, not 'lobby'."),
        ("wss://127.0.0.1:9/ws", "out.webm", "names no room: put its name"),
        ("ws://127.0.0.1:9/ws#lobby", "out.avi", "no container is known by '.avi'"),
        ("ws://127.0.0.1:9/ws#lobby", "nowhere/out.webm", "There is no folder nowhere."),
        ("ws://127.0.0.1:9/ws#lobby", "out.webm", "Connection refused"),
        ("ws://192.0.2.1/ws#lobby", "out.webm", "would carry fingerprints unprotected"),
    ],
)
def test_record_fails_with_one_sentence(room: str, file: str, words: str) -> None:
    complaint = _complaint("record", room, file)

    assert complaint.startswith("error: ")
    assert words in complaint
    assert complaint.count("\n") == 1


async def test_a_file_is_played_to_its_end(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.webm", seconds=2)
    async with (
        _room() as room,
        handfast_program("call", room, "--play", str(clip)) as program,
        _member(room, "player") as member,
    ):
        tracks = {
            track.kind: track for track in (await member.arrived.get(), await member.arrived.get())
        }
        # Side by side: neither waits for whoever comes when all has been played.
        picture, _ = await asyncio.gather(tracks["video"].recv(), hears(tracks["audio"], 440))
        said = await _end(program)

    assert isinstance(picture, av.VideoFrame)
    assert (picture.width, picture.height) == (64, 64)
    # A busy machine may take longer than the clip is.
    assert re.search(rf"Played {re.escape(str(clip))} to alice for 0:(0[2-9]|[1-5]\d)\.", said)


def test_a_file_that_cannot_be_played_is_one_sentence(tmp_path: Path) -> None:
    missing = tmp_path / "clip.webm"

    complaint = _complaint("call", "ws://127.0.0.1:9/ws#lobby", "--play", str(missing))

    assert complaint == f"error: {missing}: No such file or directory.\n"


def test_a_live_address_that_cannot_be_played_is_one_sentence() -> None:
    complaint = _complaint("call", "ws://127.0.0.1:9/ws#lobby", "--play", "tcp://127.0.0.1:9")

    assert complaint == "error: tcp://127.0.0.1:9: Connection refused.\n"


async def test_record_saves_the_sound_of_each_participant_for_speech_engines(
    tmp_path: Path,
) -> None:
    file = tmp_path / "out.wav"
    options = ["--rate", "8000", "--max-duration", "1s"]
    async with (
        _room() as room,
        handfast_program("record", room, str(file), *options, dev_mode=True) as program,
        _member(room, "recorder", *_media()),
    ):
        said = await _end(program)

    with wave.open(str(file)) as saved:
        assert (saved.getframerate(), saved.getnchannels(), saved.getsampwidth()) == (8000, 1, 2)
        # Half seconds are written at a time; a busy machine is late with the second one.
        assert saved.getnframes() >= 4000
        sound = np.frombuffer(saved.readframes(saved.getnframes()), np.int16)
    assert np.abs(sound).max() > 1000
    assert "Encoded anew, as asked for: Opus as WAV." in said
    assert "VP8" not in said
