"""Recordings whose `stop` is cancelled at any of its turns, and called again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import av
import pytest

from media import SyntheticAudioTrack, SyntheticVideoTrack
from media.recording.recorder import Recorder, RecorderState
from peer import InvalidStateError
from tests.support.clock.cancelling import TURNS, cancelled_at

if TYPE_CHECKING:
    from pathlib import Path

    from media.recording.events import RecordingFailure, Segment


async def _recording(path: Path) -> tuple[Recorder, list[RecordingFailure]]:
    recorder = Recorder(path)
    failures: list[RecordingFailure] = []
    recorder.on("error", failures.append)
    progress = asyncio.Event()
    recorder.on("progress", lambda _: progress.set())
    recorder.addTrack(SyntheticVideoTrack(width=64, height=48))
    recorder.addTrack(SyntheticAudioTrack())
    await recorder.start()
    await progress.wait()
    return recorder, failures


@pytest.mark.parametrize("turn", TURNS)
async def test_a_stop_that_is_cancelled_at_any_turn_completes_when_called_again(
    tmp_path: Path, turn: int
) -> None:
    recorder, failures = await _recording(tmp_path / "out.mkv")
    await cancelled_at(turn, recorder.stop())
    await recorder.stop()
    # The wait for a disk that does not answer would have ended in a failure.
    assert failures == []
    assert len(recorder.stats.files) == 1
    assert recorder.state is RecorderState.INACTIVE
    with av.open(str(tmp_path / "out.mkv")) as file:
        assert {stream.type for stream in file.streams} == {"audio", "video"}


async def test_a_stop_that_is_cancelled_and_not_called_again_completes_the_file(
    tmp_path: Path,
) -> None:
    recorder, failures = await _recording(tmp_path / "out.mkv")
    complete: asyncio.Future[Segment] = asyncio.get_running_loop().create_future()
    recorder.on("segment", complete.set_result)
    assert await cancelled_at(1, recorder.stop())
    assert (await complete).path == tmp_path / "out.mkv"
    assert failures == []


async def test_callers_that_stop_at_once_all_wait_for_the_file(tmp_path: Path) -> None:
    recorder, failures = await _recording(tmp_path / "out.mkv")
    await asyncio.gather(*(recorder.stop() for _ in range(3)))
    assert (len(recorder.stats.files), failures) == (1, [])


async def test_a_handler_of_the_recorder_may_stop_it(tmp_path: Path) -> None:
    recorder, failures = await _recording(tmp_path / "out.mkv")
    stopped = asyncio.Event()

    @recorder.on("progress")
    async def stop(_: object) -> None:
        await recorder.stop()
        stopped.set()

    await stopped.wait()
    assert (len(recorder.stats.files), failures) == (1, [])


async def test_no_track_joins_a_recording_that_is_being_stopped(tmp_path: Path) -> None:
    recorder, _ = await _recording(tmp_path / "out.mkv")
    assert await cancelled_at(1, recorder.stop())
    with pytest.raises(InvalidStateError, match="has ended"):
        recorder.addTrack(SyntheticAudioTrack())
    await recorder.stop()
