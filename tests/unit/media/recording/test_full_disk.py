"""What becomes of a recording when its disk is full."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import merge
from pathlib import Path

import pytest

from media.recording.containers import Container, passes
from media.recording.errors import DiskFullError, RecordingError
from media.recording.muxer import Muxer
from tests.support.media.moving import codec_named
from tests.support.media.recording import VIDEO, Shot, audio, complaints, spec_of, times, video

pytestmark = pytest.mark.needs("ffmpeg")


@contextmanager
def room_for(octets: int) -> Iterator[None]:
    """Let no file get larger: the system takes a part of what goes beyond, then refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def until_full(muxer: Muxer, streams: list[Iterator[Shot]]) -> tuple[Shot, DiskFullError]:
    """The frame that could not be written, and the error."""
    for shot in merge(*streams, key=lambda shot: shot.pts):
        try:
            shot.write(muxer)
        except DiskFullError as error:
            return shot, error
    raise AssertionError("streams have no end")


@pytest.mark.parametrize("container", list(Container))
@pytest.mark.parametrize("room", [100_000, 234_567])
def test_what_was_written_stays_good(tmp_path: Path, container: Container, room: int) -> None:
    path = tmp_path / f"a{container.suffix}"
    pictures = [name for name in VIDEO if passes(container, codec_named(name))][:1]
    streams = [audio(0), *(video(name, 1) for name in pictures)]
    muxer = Muxer(path, container, [spec_of("opus"), *map(spec_of, pictures)])
    with room_for(room):
        failed, error = until_full(muxer, streams)
        assert error.what == "write"
        assert error.where.parent == tmp_path
        with pytest.raises(RecordingError, match="failed before"):
            failed.write(muxer)
        muxer.close()
    for found in times(path).values():
        assert found[-1] >= failed.pts - 1
    assert complaints(path) == ""


@pytest.mark.parametrize("container", list(Container))
def test_a_disk_that_is_full_at_the_end_takes_nothing_away(
    tmp_path: Path, container: Container
) -> None:
    path = tmp_path / f"a{container.suffix}"
    muxer = Muxer(path, container, [spec_of("opus")])
    last = None
    for shot in audio():
        shot.write(muxer)
        if shot.pts >= 5.11:
            last = shot
            break
    assert last is not None
    with room_for(1), pytest.raises(DiskFullError, match="cannot write"):
        muxer.close()
    muxer.close()
    assert times(path)[0][-1] >= last.pts - 1
    assert complaints(path) == ""


def test_a_disk_that_is_full_from_the_start_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    path.symlink_to("/dev/full")
    with pytest.raises(DiskFullError) as raised:
        Muxer(path, Container.WEBM, [spec_of("opus")])
    assert raised.value.where == path
