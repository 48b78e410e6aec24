"""Tracks that a recording knows of, and that come later than others."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest

from media.recording import muxer
from media.recording.containers import Container
from media.recording.errors import RecordingError
from media.recording.events import Progress, RecordingFailure, Segment, SegmentEnd
from media.recording.muxer import Muxer
from media.recording.parameters import StreamSpec
from media.recording.segments import FileNames, SegmentRule
from media.recording.series import PATIENCE, FileSeries
from media.recording.sinks.stream import StreamDestination
from media.recording.timeline import PlacedFrame
from peer import EncodedFrame
from tests.support.media.moving import codec_named
from tests.support.media.recording import (
    SMALL,
    VIDEO,
    Shot,
    audio,
    complaints,
    lasting,
    read,
    spec_of,
    times,
    video,
)

if TYPE_CHECKING:
    from collections.abc import Hashable

    from media.recording.destination import Destination

pytestmark = pytest.mark.needs("ffmpeg")

SOUND, PICTURES = 0, 1
#: Seconds after which pictures come to a container that takes them at any time.
LATE = Fraction(8)
ROOMY = [
    (Container.MP4, "H264"),
    (Container.MP4, "H265"),
    (Container.MP4, "VP9"),
    (Container.WEBM, "VP8"),
    (Container.WEBM, "AV1"),
    (Container.MATROSKA, "H264"),
]


class Bench:
    """A series of files, and what it says."""

    def __init__(
        self, path: Path, *, rule: SegmentRule | None = None, into: Destination | None = None
    ) -> None:
        self.segments: list[Segment] = []
        self.failures: list[RecordingFailure] = []
        rule = rule or SegmentRule()
        self.series = FileSeries(into or FileNames(path), Container.of(path), rule, self)

    def on_progress(self, progress: Progress) -> None:
        """Note nothing."""

    def on_segment(self, segment: Segment, progress: Progress) -> None:
        self.segments.append(segment)

    def on_failure(self, failure: RecordingFailure) -> None:
        self.failures.append(failure)

    def on_keyframe_wanted(self, key: Hashable) -> None:
        """Note nothing."""

    def write(self, *tracks: tuple[str, list[Shot]]) -> None:
        every = [placed(name, shot) for name, shots in tracks for shot in shots]
        for each in sorted(every, key=lambda each: each.time):
            self.series.push(each)
            self.series.advance()

    def finish(self) -> list[tuple[str, SegmentEnd]]:
        self.series.finish()
        assert not self.failures
        return [(each.path.name, each.end) for each in self.segments]


def placed(name: str, shot: Shot) -> PlacedFrame:
    width, height = SMALL if name in VIDEO else (None, None)
    codec = codec_named(name)
    pts = round(shot.pts * codec.clock_rate)
    frame = EncodedFrame(
        codec=codec,
        payload=shot.payload,
        ssrc=shot.stream,
        timestamp=pts,
        pts=pts,
        arrival=float(shot.pts),
        keyframe=shot.keyframe,
        width=width,
        height=height,
    )
    return PlacedFrame(shot.stream, frame, shot.pts, shot.duration)


@pytest.mark.parametrize(("container", "name"), ROOMY)
def test_late_picture_of_an_expected_track_gets_a_place_in_the_file(
    tmp_path: Path, container: Container, name: str
) -> None:
    path = tmp_path / f"out{container.suffix}"
    bench = Bench(path)
    bench.series.expect(SOUND, codec_named("opus"))
    bench.series.expect(PICTURES)
    sound = lasting(audio(SOUND), LATE + 3)
    pictures = lasting(video(name, PICTURES, start=LATE), 3)
    bench.write(("opus", sound), (name, pictures))
    assert bench.finish() == [(path.name, SegmentEnd.STOPPED)]
    # Of pictures that come this late FFmpeg looks at none before it decodes, which it mentions.
    assert complaints(path, level="error") == ""
    with av.open(str(path)) as file:
        assert [stream.type for stream in file.streams] == ["audio", "video"]
        shown = file.streams.video[0]
        assert (shown.width, shown.height) == SMALL
        assert file.duration == pytest.approx(float(LATE + 3) * av.time_base, abs=50_000)
        assert sum(1 for _ in file.decode(shown)) == len(pictures)
    found = times(path)
    assert found[SOUND] == pytest.approx([float(shot.pts) for shot in sound], abs=0.001)
    assert found[PICTURES] == pytest.approx([float(shot.pts) for shot in pictures], abs=0.001)


@pytest.mark.parametrize("container", [Container.MP4, Container.WEBM])
def test_late_sound_whose_codec_was_not_known_gets_a_place_in_the_file(
    tmp_path: Path, container: Container
) -> None:
    path = tmp_path / f"out{container.suffix}"
    bench = Bench(path)
    for key in (SOUND, PICTURES):
        bench.series.expect(key)
    sound = lasting(audio(SOUND, start=Fraction(3)), 3)
    bench.write(("VP9", lasting(video("VP9", PICTURES), 6)), ("opus", sound))
    assert bench.finish() == [(path.name, SegmentEnd.STOPPED)]
    assert complaints(path) == ""
    heard = [packet for packet in read(path)[1] if len(packet.payload) > 2]
    assert [packet.payload for packet in heard] == [shot.payload for shot in sound]


def test_pictures_that_come_to_several_places_one_after_the_other_are_all_in_the_file(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "out.mp4")
    bench.series.expect(SOUND, codec_named("opus"))
    names = {1: "H264", 2: "VP9", 3: "AV1"}
    for key in names:
        bench.series.expect(key)
    late = [
        (name, lasting(video(name, key, start=Fraction(2 * key)), 8 - 2 * key))
        for key, name in names.items()
    ]
    bench.write(("opus", lasting(audio(SOUND), 8)), *late)
    assert bench.finish() == [("out.mp4", SegmentEnd.STOPPED)]
    assert complaints(tmp_path / "out.mp4", level="error") == ""
    counts = [len(found) for found in read(tmp_path / "out.mp4").values()]
    assert counts[1:] == [len(shots) for _, shots in late]


def test_each_file_of_a_series_keeps_a_place_for_pictures_that_are_still_to_come(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path / "out.webm", rule=SegmentRule(duration=2.0))
    bench.series.expect(SOUND, codec_named("opus"))
    bench.series.expect(PICTURES)
    late = lasting(video("VP8", PICTURES, start=Fraction(9, 2)), 1)
    bench.write(("opus", lasting(audio(SOUND), Fraction(11, 2))), ("VP8", late))
    ends = [SegmentEnd.DURATION, SegmentEnd.DURATION, SegmentEnd.STOPPED]
    assert [end for _, end in bench.finish()] == ends
    assert len(read(tmp_path / "out-3.webm")[1]) == len(late)


def test_picture_of_a_track_that_nobody_expected_begins_the_next_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.webm")
    bench.series.expect(SOUND, codec_named("opus"))
    bench.series.expect(PICTURES)
    other = lasting(video("VP8", 7, start=Fraction(2)), 2)
    bench.write(("opus", lasting(audio(SOUND), 4)), ("VP8", other))
    assert bench.finish()[0] == ("out.webm", SegmentEnd.TRACKS)


def test_track_that_ended_before_it_came_keeps_no_place(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "out.webm")
    bench.series.expect(PICTURES)
    bench.series.end(PICTURES)
    bench.write(
        ("opus", lasting(audio(SOUND), 4)),
        ("VP8", lasting(video("VP8", PICTURES, start=Fraction(2)), 2)),
    )
    assert bench.finish()[0] == ("out.webm", SegmentEnd.TRACKS)


@pytest.mark.parametrize("container", [Container.MP4, Container.MATROSKA])
def test_stream_that_has_more_to_say_than_there_is_room_for_begins_the_next_file(
    tmp_path: Path, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(muxer, "_ROOM", 64)
    path = tmp_path / f"out{container.suffix}"
    bench = Bench(path)
    bench.series.expect(PICTURES)
    late = lasting(video("H264", PICTURES, start=Fraction(2)), 2)
    bench.write(("opus", lasting(audio(SOUND), 4)), ("H264", late))
    assert [end for _, end in bench.finish()] == [SegmentEnd.TRACKS, SegmentEnd.STOPPED]
    assert all(complaints(each.path) == "" for each in bench.segments)


@pytest.mark.parametrize("late", [Fraction(0), PATIENCE - 1, PATIENCE + 1])
def test_playlist_waits_for_late_pictures_within_bounds(tmp_path: Path, late: Fraction) -> None:
    bench = Bench(tmp_path / "out.m3u8")
    bench.series.expect(SOUND, codec_named("opus"))
    bench.series.expect(PICTURES)
    bench.write(
        ("opus", lasting(audio(SOUND), late + 3)),
        ("H264", lasting(video("H264", PICTURES, start=late), 3)),
    )
    files = bench.finish()
    in_time = late < PATIENCE
    assert len(files) == (1 if in_time else 2)
    assert all(complaints(each.path) == "" for each in bench.segments)
    assert len(read(bench.segments[-1].path)[1]) == 90
    # What came before the pictures is not lost for them.
    total = sum(len(read(each.path)[0]) for each in bench.segments)
    assert total == pytest.approx(50 * (late + 3), abs=1)


def test_playlist_waits_for_no_more_than_so_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.recording.series._MOST_WAITING", 10_000)
    bench = Bench(tmp_path / "out.m3u8")
    bench.series.expect(PICTURES)
    bench.write(("opus", lasting(audio(SOUND), 3)))
    assert (tmp_path / "out.m3u8").exists()
    bench.finish()


def test_stream_that_cannot_seek_waits_for_late_pictures(tmp_path: Path) -> None:
    path = tmp_path / "out.webm"
    with path.open("ab") as appended:
        bench = Bench(path, into=StreamDestination(appended))
        bench.series.expect(PICTURES)
        late = lasting(video("VP8", PICTURES, start=PATIENCE - 1), 2)
        bench.write(("opus", lasting(audio(SOUND), PATIENCE + 1)), ("VP8", late))
        assert [end for _, end in bench.finish()] == [SegmentEnd.STOPPED]
    assert len(read(path)[1]) == len(late)


@pytest.mark.parametrize(("container", "name"), [(Container.MP4, "H264"), (Container.WEBM, "VP8")])
def test_file_is_good_before_and_after_the_place_of_a_late_stream_is_taken(
    tmp_path: Path, container: Container, name: str
) -> None:
    path, copy = tmp_path / f"a{container.suffix}", tmp_path / f"copy{container.suffix}"
    made = Muxer(path, container, [spec_of("opus")], later=1)
    for shot in lasting(audio(SOUND), 2):
        shot.write(made)
    shutil.copy(path, copy)
    assert complaints(copy) == ""
    assert made.add(spec_of(name), Fraction(2))
    shutil.copy(path, copy)
    assert len(read(copy)[SOUND]) >= 50
    for shot in lasting(video(name, PICTURES, start=Fraction(2)), 1):
        shot.write(made)
    shutil.copy(path, copy)
    assert complaints(copy) == ""
    assert len(read(copy)[1]) >= 15
    made.close()
    assert complaints(path) == ""


def test_stream_without_a_place_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    made = Muxer(path, Container.WEBM, [spec_of("opus")], later=1)
    with pytest.raises(RecordingError, match="webm takes no H264"):
        made.add(spec_of("H264"), Fraction(1))
    with pytest.raises(RecordingError, match="no key frame of VP8"):
        made.add(StreamSpec(codec_named("VP8"), b"\x00"), Fraction(1))
    assert made.add(spec_of("VP8"), Fraction(1))
    for shot in lasting(audio(SOUND), 1):
        shot.write(made)
    made.close()
    assert complaints(path) == ""
