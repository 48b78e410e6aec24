"""Sound of a participant as a file for speech engines, without a room."""

from __future__ import annotations

import asyncio
import wave
from typing import TYPE_CHECKING, cast

import pytest

from handfast.recording.sound_recorder import SoundRecorder
from media import Progress, RecorderState, RecordingError, RecordingFailure, Segment, SegmentEnd
from tests.support.clock.deadline import DEADLINE
from tests.support.media.speaker import Speaker

if TYPE_CHECKING:
    from pathlib import Path

    from peer import MediaStreamTrack


class Told:
    """A recorder of sound, and what it told."""

    def __init__(self, path: Path, *, rate: int = 8_000, form: str | None = None) -> None:
        self.progress: list[Progress] = []
        self.segments: list[Segment] = []
        self.failures: list[RecordingFailure] = []
        self.over = asyncio.Event()
        self.recorder = SoundRecorder(
            path,
            rate=rate,
            form=form,
            on_progress=self.progress.append,
            on_segment=self._on_segment,
            on_failure=self._on_failure,
        )

    async def wait(self) -> None:
        async with asyncio.timeout(DEADLINE):
            await self.over.wait()

    def _on_segment(self, segment: Segment) -> None:
        self.segments.append(segment)
        self.over.set()

    def _on_failure(self, failure: RecordingFailure) -> None:
        self.failures.append(failure)
        self.over.set()


def speaking(seconds: float, *, then_waits: bool = False) -> MediaStreamTrack:
    return cast("MediaStreamTrack", Speaker(seconds, then_waits=then_waits))


async def test_sound_is_saved_until_its_track_ends(tmp_path: Path) -> None:
    told = Told(tmp_path / "alice.wav")
    told.recorder.addTrack(speaking(2.0), name="alice")
    await told.recorder.start()
    await told.wait()
    (segment,) = told.segments
    assert (segment.path.name, segment.number, segment.end) == ("alice.wav", 1, SegmentEnd.STOPPED)
    assert segment.duration == pytest.approx(2.0, abs=0.5)
    assert told.recorder.stats.files == (segment,)
    assert told.progress
    with wave.open(str(tmp_path / "alice.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (8_000, 1)
        assert file.getnframes() == round(8_000 * segment.duration)
    (encoded,) = told.recorder.stats.transcoding
    assert (encoded.source, encoded.target) == ("raw", "WAV")


async def test_sound_that_goes_on_is_complete_once_it_is_stopped(tmp_path: Path) -> None:
    told = Told(tmp_path / "alice.out", form="flac")
    speaker = Speaker(2.0, then_waits=True)
    await told.recorder.start()
    told.recorder.addTrack(cast("MediaStreamTrack", speaker))
    async with asyncio.timeout(DEADLINE):
        await speaker.all_given.wait()
    await told.recorder.stop()
    assert told.recorder.state is RecorderState.INACTIVE
    (segment,) = told.segments
    assert (tmp_path / "alice.out").read_bytes()[:4] == b"fLaC"
    assert segment.size == (tmp_path / "alice.out").stat().st_size > 0
    await told.recorder.stop()


async def test_file_that_is_there_is_kept_and_the_next_name_taken(tmp_path: Path) -> None:
    (tmp_path / "alice.wav").write_bytes(b"before")
    (tmp_path / "alice-2.wav").write_bytes(b"as well")
    told = Told(tmp_path / "alice.wav")
    told.recorder.addTrack(speaking(1.0))
    await told.recorder.start()
    await told.wait()
    assert [each.path.name for each in told.segments] == ["alice-3.wav"]
    assert (tmp_path / "alice.wav").read_bytes() == b"before"


async def test_file_of_sound_holds_one_track(tmp_path: Path) -> None:
    told = Told(tmp_path / "alice.wav")
    one, picture = speaking(1.0), speaking(1.0)
    told.recorder.addTrack(one)
    told.recorder.addTrack(one)
    with pytest.raises(ValueError, match="holds one track"):
        told.recorder.addTrack(speaking(1.0))
    picture.kind = "video"
    with pytest.raises(ValueError, match="no picture"):
        told.recorder.addTrack(picture)


async def test_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    told = Told(tmp_path / "nowhere" / "alice.wav")
    told.recorder.addTrack(speaking(1.0))
    await told.recorder.start()
    await told.wait()
    (failure,) = told.failures
    assert isinstance(failure.error, RecordingError)
    assert failure.ended
    assert told.segments == []
    assert told.recorder.state is RecorderState.INACTIVE


async def test_who_says_nothing_leaves_no_file(tmp_path: Path) -> None:
    told = Told(tmp_path / "alice.wav")
    await told.recorder.start()
    await told.recorder.stop()
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - of a test
    assert told.segments == []
