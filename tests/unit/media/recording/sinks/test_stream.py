from __future__ import annotations

import errno
import io
import os
import threading
from typing import TYPE_CHECKING, Any

import av
import pytest

from media import Recorder
from media.recording.containers import Container
from media.recording.errors import DestinationError, UnsupportedError, UnwritableError
from media.recording.events import SegmentEnd
from media.recording.segments import SegmentRule
from media.recording.series import FileSeries
from media.recording.sinks.stream import StreamDestination, Writable
from tests.support.media.recorded import pictures, sounds
from tests.support.media.series_told import Told

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from media.recording.timeline import PlacedFrame

STREAMS = [each for each in Container if each is not Container.HLS]


class Pipe(io.RawIOBase):
    """Takes bytes as a raw pipe does: not all at once, and never to be corrected.

    Args:
        room: Bytes that it takes before its reader goes away.
    """

    def __init__(self, room: int = 1 << 30) -> None:
        self.taken = bytearray()
        self.room = room

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if len(self.taken) >= self.room:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        part = bytes(data)[:1000]
        self.taken += part
        return len(part)


def record(file: Writable, container: Container, *tracks: Iterable[PlacedFrame]) -> Told:
    """All frames by their time, and the end of the file."""
    told = Told()
    series = FileSeries(StreamDestination(file), container, SegmentRule(), told)
    for each in sorted((e for track in tracks for e in track), key=lambda e: e.time):
        series.push(each)
        series.advance()
    series.finish()
    return told


def packets(data: bytes) -> dict[str, int]:
    """How many packets of each kind are in a file, all of which must be decodable."""
    found: dict[str, int] = {}
    with av.open(io.BytesIO(data), "r") as file:
        for packet in file.demux():
            if packet.size:
                kind = packet.stream.type
                found[kind] = found.get(kind, 0) + 1
                packet.decode()
    return found


def call(container: Container) -> tuple[list[list[PlacedFrame]], dict[str, int]]:
    """A second of a call, as the container takes it, and what is in a file of it."""
    if container is Container.OGG:
        return [sounds(0, 50)], {"audio": 50}
    name = "H264" if container is Container.MP4 else "VP8"
    return [pictures(name, 0, 30), sounds(0, 50)], {"video": 30, "audio": 50}


@pytest.mark.parametrize("container", STREAMS)
def test_recording_into_a_pipe_holds_every_frame(container: Container) -> None:
    tracks, expected = call(container)
    pipe = Pipe()
    told = record(pipe, container, *tracks)
    assert packets(bytes(pipe.taken)) == expected
    assert [each.end for each in told.segments] == [SegmentEnd.STOPPED]
    assert told.segments[0].size == len(pipe.taken)
    assert not told.failures


@pytest.mark.parametrize("container", STREAMS)
def test_recording_into_a_buffer_is_the_file_that_a_path_would_hold(
    container: Container, tmp_path: Path
) -> None:
    tracks, expected = call(container)
    buffer = io.BytesIO(b"before")
    buffer.seek(0, os.SEEK_END)
    record(buffer, container, *tracks)
    before, made = buffer.getvalue()[:6], buffer.getvalue()[6:]
    assert before == b"before"
    assert packets(made) == expected
    with (tmp_path / "opened").open("wb") as opened:
        record(opened, container, *tracks)
        assert not opened.closed
    if container is not Container.OGG:  # whose serial numbers are random
        assert (tmp_path / "opened").read_bytes() == made
    if container in (Container.WEBM, Container.MATROSKA):
        with av.open(io.BytesIO(made), "r") as file:
            # Known only once the head is corrected.
            assert file.duration == pytest.approx(1e6, abs=4e4)


def test_file_opened_for_appending_is_not_taken_for_one_that_can_be_corrected(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    tracks, expected = call(Container.WEBM)
    with path.open("ab") as opened:
        record(opened, Container.WEBM, *tracks)
    assert packets(path.read_bytes()) == expected


def test_object_that_only_has_a_write_method_is_recorded_to() -> None:
    class Least:
        taken = b""

        def write(self, data: bytes) -> None:
            self.taken += data

    least = Least()
    record(least, Container.WEBM, sounds(0, 50))
    assert packets(least.taken) == {"audio": 50}


def test_pipe_of_the_system_is_read_while_it_is_written() -> None:
    reading, writing = os.pipe()
    read = bytearray()

    def drain() -> None:
        with os.fdopen(reading, "rb") as file:
            read.extend(file.read())

    reader = threading.Thread(target=drain)
    reader.start()
    with os.fdopen(writing, "wb") as file:
        record(file, Container.MATROSKA, sounds(0, 200))
    reader.join()
    assert packets(bytes(read)) == {"audio": 200}


def test_pipe_whose_reader_goes_away_ends_the_recording_by_name() -> None:
    pipe = Pipe(room=4000)
    told = record(pipe, Container.WEBM, sounds(0, 200))
    assert [(type(each.error), each.ended) for each in told.failures] == [(UnwritableError, True)]
    assert str(told.failures[0].error) == "cannot write stream: Broken pipe"
    # What was read until then is good.
    assert packets(bytes(pipe.taken))["audio"] > 20


def test_object_that_raises_what_it_likes_ends_the_recording_by_name() -> None:
    class Upload:
        def write(self, data: bytes) -> int:
            raise RuntimeError("no credentials")

    told = record(Upload(), Container.WEBM, sounds(0, 50))
    assert [str(each.error) for each in told.failures] == ["cannot write stream: no credentials"]
    assert told.failures[0].ended


def test_track_that_comes_too_late_for_the_only_file_is_left_out_and_told_once() -> None:
    pipe = Pipe()
    told = record(pipe, Container.WEBM, sounds(0, 150), pictures("VP8", 1, 60))
    assert packets(bytes(pipe.taken)) == {"audio": 150}
    assert [(type(each.error), each.ended) for each in told.failures] == [(UnsupportedError, False)]
    assert "video (VP8) that began too late" in str(told.failures[0].error)


def test_picture_that_the_only_file_cannot_follow_is_left_out_until_it_fits_again() -> None:
    pipe = Pipe()
    told = record(
        pipe,
        Container.MP4,
        sounds(0, 200),
        pictures("H264", 0, 30),
        pictures("H264", 1, 30, size=(128, 96)),
        pictures("H264", 2, 30),
    )
    assert packets(bytes(pipe.taken)) == {"audio": 200, "video": 60}
    assert ["changed its form" in str(each.error) for each in told.failures] == [True]
    assert [each.end for each in told.segments] == [SegmentEnd.STOPPED]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"format": "hls"}, "give a path or a callback, or one of mp4, webm"),
        ({"format": "webm", "segment_duration": 10}, "a stream holds one file"),
        ({"format": "webm", "segment_size": 10}, "a stream holds one file"),
    ],
)
def test_recording_that_no_stream_can_hold_is_refused_before_it_begins(
    arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(DestinationError, match=why):
        Recorder(io.BytesIO(), **arguments)
    assert Recorder(io.BytesIO(), format="webm").state == "inactive"


def test_object_that_takes_no_bytes_is_refused_before_the_recording_begins() -> None:
    with pytest.raises(DestinationError, match=r"give its \.buffer"):
        Recorder(io.StringIO(), format="webm")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(DestinationError, match=r"has no write\(\)"):
        Recorder(7, format="webm")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ValueError, match="no container is known"):
        Recorder(io.BytesIO())
