"""Owns the proof that the bots of examples/ do what they say: a peer of ours calls each."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from examples import drawing_bot, echo_bot, music_bot, room_recorder, voice_bot
from media import PushedAudio, PushedVideo, SyntheticAudioTrack, SyntheticVideoTrack, ToneMeter
from media.planes import planes
from peer import PeerConnection
from signaling import Negotiator, connect, run_forever
from signaling.server import create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.media.clips import decoded, luma_of, make_clip
from tests.support.media.speech import spoken
from tests.support.negotiation.connection_media import sent_for
from tests.support.network.asgi import serve
from tests.support.project.source import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from peer import MediaStreamTrack, TrackEvent


class _Call:
    """A call to a bot that goes on."""

    def __init__(self, pc: PeerConnection) -> None:
        self.pc = pc
        self._tracks: dict[str, asyncio.Future[MediaStreamTrack]] = {
            kind: asyncio.get_running_loop().create_future() for kind in ("audio", "video")
        }
        pc.on("track", self._take)

    def _take(self, event: TrackEvent) -> None:
        self._tracks[event.track.kind].set_result(event.track)

    async def picture(self) -> av.VideoFrame:
        frame = await (await self._tracks["video"]).recv()
        assert isinstance(frame, av.VideoFrame)
        return frame

    async def sound(self) -> av.AudioFrame:
        frame = await (await self._tracks["audio"]).recv()
        assert isinstance(frame, av.AudioFrame)
        return frame

    async def hear(self, heard: Callable[[ToneMeter], bool]) -> float:
        """Listen until the last quarter of a second is so; for how long, in seconds of sound."""
        meter, samples = ToneMeter(0.25), 0
        while True:
            frame = await self.sound()
            meter.hear(frame)
            samples += frame.samples
            if samples >= 12_000 and heard(meter):
                return samples / frame.sample_rate


@contextlib.asynccontextmanager
async def _answering(bot: Callable[[str], Coroutine[Any, Any, None]]) -> AsyncIterator[str]:
    """A room server with a bot in its room; the server's address."""
    async with asyncio.timeout(DEADLINE), serve(create_app()) as address:
        answering = asyncio.create_task(bot(f"{address}/ws"))
        yield f"{address}/ws"
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


@contextlib.asynccontextmanager
async def _calling(
    url: str, *tracks: MediaStreamTrack, name: str = "caller"
) -> AsyncIterator[_Call]:
    async with (
        await connect(url, room="lobby", name=name) as channel,
        PeerConnection() as pc,
        asyncio.TaskGroup() as tasks,
    ):
        call = _Call(pc)
        for track in tracks:
            pc.addTrack(track)
        tasks.create_task(Negotiator(pc, channel, polite=channel.polite).run())
        yield call
        await pc.close()


@contextlib.asynccontextmanager
async def _call(
    bot: Callable[[str], Coroutine[Any, Any, None]], *tracks: MediaStreamTrack
) -> AsyncIterator[_Call]:
    async with _answering(bot) as url, _calling(url, *tracks) as call:
        yield call


def _speaks(meter: ToneMeter) -> bool:
    return meter.measure().level > -30


def _is_silent(meter: ToneMeter) -> bool:
    return meter.measure().level < -60


def test_no_example_is_longer_than_a_screen() -> None:
    lengths = {f.name: len(f.read_text().splitlines()) for f in (ROOT / "examples").glob("*.py")}

    assert len(lengths) >= 7
    assert {name: length for name, length in lengths.items() if length > 60} == {}


def test_every_example_is_in_the_list() -> None:
    table = (ROOT / "examples" / "README.md").read_text()

    assert [
        file.name
        for file in (ROOT / "examples").glob("*.py")
        if f"| [{file.name}]({file.name}) |" not in table
    ] == []


async def test_the_echo_bot_gives_back_picture_and_sound_as_they_were() -> None:
    def bot(url: str) -> Coroutine[Any, Any, None]:
        return echo_bot.main(url, "lobby")

    picture, sound = SyntheticVideoTrack(width=320, height=240), SyntheticAudioTrack(pitch=523)
    async with _call(bot, picture, sound) as call:
        frame = await call.picture()
        await call.hear(lambda meter: meter.measure().pitch == pytest.approx(523, abs=3))

    assert (frame.width, frame.height) == (320, 240)
    bars = planes(frame).y[10, 20:320:45].astype(int)
    assert np.all(np.diff(bars) < 0), bars


async def test_the_music_bot_plays_a_file_again_and_again(tmp_path: Path) -> None:
    file = make_clip(tmp_path / "clip.webm", seconds=0.7)
    async with _call(lambda url: music_bot.main(url, "lobby", str(file))) as call:
        await call.hear(lambda meter: meter.measure().pitch == pytest.approx(440, abs=3))
        lumas = [float(planes(await call.picture()).y.mean()) for _ in range(45)]

    # 21 pictures, each brighter than the one before.
    assert min(lumas) < luma_of(6)
    assert max(lumas) > luma_of(14)
    assert any(later < earlier - 20 for earlier, later in itertools.pairwise(lumas))


async def test_the_drawing_bot_marks_the_brightest_spot() -> None:
    track = PushedVideo(repeat=0.03)
    picture = np.full((240, 320, 3), 60, np.uint8)
    picture[60:76, 240:256] = 250
    track.push(picture)
    async with _call(lambda url: drawing_bot.main(url, "lobby"), track) as call:
        for _ in range(20):
            await call.picture()
        returned = (await call.picture()).to_ndarray(format="rgb24").astype(int)

    red = (returned[..., 0] - returned[..., 2]) > 60
    rows, columns = red.mean(axis=1) > 0.8, red.mean(axis=0) > 0.8
    assert 56 <= np.flatnonzero(rows).mean() <= 78
    assert 236 <= np.flatnonzero(columns).mean() <= 258
    assert rows.sum() <= 6
    assert columns.sum() <= 6


@pytest.mark.needs("espeak-ng")
async def test_the_voice_bot_answers_and_is_silent_when_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def synthesise(_: str) -> AsyncIterator[np.ndarray[Any, np.dtype[np.int16]]]:
        yield (8000 * np.sin(np.arange(20 * 24_000) / 10)).astype(np.int16)

    # All that it says takes 20 seconds; tests/unit/media/voice/test_barge_in.py knows it exactly.
    monkeypatch.setattr(voice_bot, "synthesise", synthesise)
    caller = PushedAudio()
    async with _call(lambda url: run_forever(voice_bot.talk, url, room="lobby"), caller) as call:
        await call.hear(_speaks)  # hello
        await caller.push(spoken("I would like to know when the next train leaves."))
        interrupted = await call.hear(_is_silent)
        await call.hear(_speaks)  # the answer

    assert interrupted < 15


async def test_the_room_recorder_writes_a_file_for_each_participant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bot(url: str) -> Coroutine[Any, Any, None]:
        return room_recorder.main(url, "lobby", str(tmp_path))

    printed: asyncio.Queue[str] = asyncio.Queue()

    def note(line: str, *, flush: bool) -> None:
        assert flush
        printed.put_nowait(line)

    monkeypatch.setattr(room_recorder, "print", note, raising=False)
    picture, sound = SyntheticVideoTrack(width=320, height=240), SyntheticAudioTrack()
    async with _answering(bot) as url:
        async with _calling(url, picture, sound, name="../{n}/caller") as call:
            await sent_for(call.pc, 3)
        said = await printed.get()

    (name,) = os.listdir(tmp_path)
    assert name.startswith("-n-caller-")
    assert said.startswith(f"{tmp_path / name}: ")
    streams = decoded(tmp_path / name)
    assert set(streams) == {"vp8", "opus"}
    assert len(streams["vp8"]) > 45
    assert len(streams["opus"]) > 90
    assert min(times[-1] for times in streams.values()) > 2
