"""A series of files whose file is deleted under it, or whose disk is full and has room again."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from media.recording.containers import Container
from media.recording.errors import DiskFullError, UnwritableError
from media.recording.events import SegmentEnd
from media.recording.segments import FileNames, SegmentRule
from media.recording.series import FileSeries
from tests.support.media.recorded import sounds
from tests.support.media.series_told import Told

if TYPE_CHECKING:
    from media.recording.timeline import PlacedFrame

CONTAINERS = ["webm", "mkv", "mp4", "ogg", "m3u8"]


class Bench:
    """A series in a folder, what it says, and its time."""

    def __init__(self, path: Path) -> None:
        self.told = Told()
        self.series = FileSeries(FileNames(path), Container.of(path), SegmentRule(), self.told)
        self._now = 0

    def pass_time(self, seconds: int) -> None:
        """Write the sound of so many seconds more."""
        self._write(sounds(self._now, seconds * 50, size=100))
        self._now += seconds

    def _write(self, track: Iterable[PlacedFrame]) -> None:
        for each in track:
            self.series.push(each)
            self.series.advance()


@contextmanager
def no_room() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def duration(path: Path) -> float:
    with av.open(str(path)) as file:
        return sum(1 for packet in file.demux(audio=0) if packet.size) / 50


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_recording_whose_file_is_deleted_goes_on_in_the_next_file(
    tmp_path: Path, suffix: str
) -> None:
    bench = Bench(tmp_path / f"out.{suffix}")
    # More often than failures may follow each other where nothing could be written.
    for number in range(1, 6):
        bench.pass_time(12)
        for path in tmp_path.iterdir():
            path.unlink()
        bench.pass_time(4)
        assert len(bench.told.failures) == number
    assert all(isinstance(each.error, UnwritableError) for each in bench.told.failures)
    assert str(bench.told.failures[0].error).endswith("the file was deleted")
    assert not any(each.ended for each in bench.told.failures)
    bench.pass_time(4)
    bench.series.finish()
    assert [end for _, end in bench.told.ends] == [SegmentEnd.FAILED] * 5 + [SegmentEnd.STOPPED]
    last = bench.told.segments[-1].path
    assert last == tmp_path / f"out-6.{suffix}"
    assert duration(last) > 4


def test_a_recording_whose_file_is_renamed_goes_on_in_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.webm")
    bench.pass_time(4)
    os.rename(tmp_path / "out.webm", tmp_path / "kept.webm")
    bench.pass_time(4)
    bench.series.finish()
    assert bench.told.failures == []
    assert duration(tmp_path / "kept.webm") == pytest.approx(8, abs=0.1)


def test_a_recording_whose_folder_is_gone_goes_on_once_it_is_there_again(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    bench = Bench(folder / "out.webm")
    bench.pass_time(4)
    shutil.rmtree(folder)
    bench.pass_time(20)
    folder.mkdir()
    bench.pass_time(40)
    bench.series.finish()
    assert not any(each.ended for each in bench.told.failures)
    (file,) = folder.iterdir()
    assert duration(file) > 20


@pytest.mark.parametrize("suffix", ["webm", "m3u8"])
def test_a_disk_that_was_full_for_ten_minutes_is_written_to_once_it_has_room(
    tmp_path: Path, suffix: str
) -> None:
    bench = Bench(tmp_path / f"out.{suffix}")
    bench.pass_time(12)
    with no_room():
        bench.pass_time(600)
    bench.pass_time(70)
    bench.series.finish()
    failures = bench.told.failures
    assert all(isinstance(each.error, DiskFullError) for each in failures)
    assert not any(each.ended for each in failures)
    # One a minute, and the first ones more often.
    assert 12 <= len(failures) <= 18
    first, last = bench.told.segments[0].path, bench.told.segments[-1].path
    assert duration(first) > 10
    assert duration(last) > 5
    # Attempts leave no empty files.
    assert {each.stem for each in tmp_path.iterdir()} == {first.stem, last.stem}
