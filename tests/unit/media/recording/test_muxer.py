from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from media.recording.containers import Container, passes
from media.recording.errors import RecordingError, UnsupportedError, UnwritableError
from media.recording.muxer import Muxer
from media.recording.parameters import StreamSpec
from tests.support.media.moving import codec_named
from tests.support.media.recording import (
    LOOP,
    PICTURE,
    SOUND,
    VIDEO,
    Shot,
    audio,
    complaints,
    lasting,
    read,
    record,
    spec_of,
    times,
    video,
)

#: Of each container that holds pictures, one codec.
PICTURED = [
    (Container.MP4, "H264"),
    (Container.WEBM, "VP8"),
    (Container.MATROSKA, "VP9"),
    (Container.HLS, "AV1"),
]
HOLDING = [
    pytest.param(container, name, id=f"{name}-{container.value}")
    for container in Container
    for name in VIDEO
    if passes(container, codec_named(name))
]
pytestmark = pytest.mark.needs("ffmpeg")


@pytest.mark.parametrize(("container", "name"), PICTURED)
@pytest.mark.parametrize("late", [0, 1])
def test_a_stream_that_begins_later_does_so_in_the_file(
    tmp_path: Path, container: Container, name: str, late: int
) -> None:
    path = tmp_path / f"a{container.suffix}"
    start = [Fraction(0), Fraction(0)]
    start[late] = Fraction(7, 3)
    sound, pictures = audio(0, start=start[0]), video(name, 1, start=start[1])
    shots = lasting(sound, 4) + lasting(pictures, 4)
    record(path, container, [spec_of("opus"), spec_of(name)], shots)
    wanted = {each: [float(shot.pts) for shot in shots if shot.stream == each] for each in (0, 1)}
    if container in (Container.MP4, Container.HLS) and late == 1:
        # It is shown from the beginning on.
        wanted[late] = [0.0, *wanted[late][1:]]
    for stream, packets in read(path).items():
        # In front of sound is silence.
        found = [each.pts for each in packets if len(each.payload) > 2]
        assert found == pytest.approx(wanted[stream], abs=0.001)
    assert complaints(path) == ""


@pytest.mark.parametrize("late", [0, 1])
def test_ffprobe_knows_how_long_an_mp4_is_of_which_a_stream_begins_later(
    tmp_path: Path, late: int
) -> None:
    path = tmp_path / "a.mp4"
    start = [Fraction(0), Fraction(0)]
    start[late] = Fraction(7, 3)
    sound, pictures = audio(0, start=start[0]), video("VP9", 1, start=start[1])
    shots = lasting(sound, 4 - start[0]) + lasting(pictures, 4 - start[1])
    record(path, Container.MP4, [spec_of("opus"), spec_of("VP9")], shots)
    with av.open(str(path)) as file:
        assert file.duration is not None
        assert file.duration / 1_000_000 == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize(("container", "name"), PICTURED)
def test_a_file_is_as_long_as_what_it_holds(
    tmp_path: Path, container: Container, name: str
) -> None:
    path = tmp_path / f"a{container.suffix}"
    shots = lasting(audio(0), 5) + lasting(video(name, 1), 5)
    record(path, container, [spec_of("opus"), spec_of(name)], shots)
    with av.open(str(path)) as source:
        assert source.duration is not None
        assert source.duration / av.time_base == pytest.approx(5, abs=0.02)


@pytest.mark.parametrize("container", list(Container))
def test_sound_that_is_missing_moves_nothing(tmp_path: Path, container: Container) -> None:
    path = tmp_path / f"a{container.suffix}"
    shots = [shot for shot in lasting(audio(), 20) if not 3.14 <= shot.pts < 12.3]
    record(path, container, [spec_of("opus")], shots)
    (found,) = read(path).values()
    heard = [packet for packet in found if len(packet.payload) > 2]
    assert [packet.payload for packet in heard] == [shot.payload for shot in shots]
    # Ogg's gap is filled with packets that say so, and ends where a frame does.
    assert [packet.pts for packet in heard] == pytest.approx(
        [float(shot.pts) for shot in shots], abs=0.001
    )
    assert complaints(path) == ""


@pytest.mark.parametrize("container", list(Container))
def test_a_gap_that_is_no_number_of_frames_moves_what_comes_before_by_less_than_one(
    tmp_path: Path, container: Container
) -> None:
    path = tmp_path / f"a{container.suffix}"
    shots = lasting(audio(), 5) + lasting(audio(start=Fraction(12_345, 1000)), 5)
    record(path, container, [spec_of("opus")], shots)
    (found,) = read(path).values()
    heard = [packet for packet in found if len(packet.payload) > 2]
    tolerance = float(SOUND) if container is Container.OGG else 0.001
    expected = [float(shot.pts) for shot in shots]
    assert [packet.pts for packet in heard] == pytest.approx(expected, abs=tolerance)
    # And nothing of it stays.
    assert heard[-1].pts == pytest.approx(expected[-1], abs=0.001)


@pytest.mark.parametrize(("container", "name"), PICTURED)
def test_pictures_that_are_missing_move_nothing(
    tmp_path: Path, container: Container, name: str
) -> None:
    path = tmp_path / f"a{container.suffix}"
    shots = [shot for shot in lasting(video(name), 8) if not 2.5 <= shot.pts < 6]
    record(path, container, [spec_of(name)], shots)
    assert times(path)[0] == pytest.approx([float(shot.pts) for shot in shots], abs=0.001)
    assert complaints(path) == ""


@pytest.mark.parametrize(("container", "name"), HOLDING)
def test_pictures_may_change_their_size(tmp_path: Path, container: Container, name: str) -> None:
    path = tmp_path / f"a{container.suffix}"
    sizes = [(160, 120), (320, 240), (160, 120)]
    shots = [
        shot
        for index, size in enumerate(sizes)
        for shot in lasting(video(name, start=Fraction(index), size=size), 1)
    ]
    record(path, container, [spec_of(name, sizes[0])], shots)
    with av.open(str(path)) as source:
        seen = [(picture.width, picture.height) for picture in source.decode(video=0)]
    assert seen == [size for size in sizes for _ in range(LOOP)]
    assert complaints(path) == ""


@pytest.mark.parametrize(
    ("container", "silent"), [*HOLDING, pytest.param(Container.OGG, "opus", id="opus-ogg")]
)
def test_what_is_written_is_on_disk_within_a_second(
    tmp_path: Path, container: Container, silent: str
) -> None:
    """Whatever becomes of the other streams: they are not waited for."""
    path = tmp_path / f"a{container.suffix}"
    muxer = Muxer(path, container, [spec_of("opus"), spec_of(silent)])
    size, grown = muxer.size, Fraction(0)
    for shot in lasting(audio(), 10):
        shot.write(muxer)
        if muxer.size > size:
            size, grown = muxer.size, shot.pts
        assert shot.pts - grown < 1
    assert size == sum(file.stat().st_size for file in tmp_path.iterdir())
    muxer.close()
    assert muxer.size == sum(file.stat().st_size for file in tmp_path.iterdir())


def test_several_of_a_kind_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    names = ["opus", "VP8", "opus", "H264"]
    shots = [
        shot
        for index, name in enumerate(names)
        for shot in lasting(video(name, index) if name in VIDEO else audio(index), 2)
    ]
    record(path, Container.MATROSKA, [spec_of(name) for name in names], shots)
    with av.open(str(path)) as source:
        assert [stream.codec_context.name for stream in source.streams] == [
            *("opus", "vp8", "opus", "h264")
        ]
    assert [len(found) for found in times(path).values()] == [100, 60, 100, 60]
    assert complaints(path) == ""


@pytest.mark.parametrize("container", list(Container))
def test_a_file_with_nothing_in_it_is_closed(tmp_path: Path, container: Container) -> None:
    muxer = Muxer(tmp_path / f"a{container.suffix}", container, [spec_of("opus")])
    muxer.close()
    muxer.close()


@pytest.mark.parametrize("container", list(Container))
def test_a_file_that_cannot_be_made_is_named(tmp_path: Path, container: Container) -> None:
    path = tmp_path / "missing" / f"a{container.suffix}"
    with pytest.raises(UnwritableError, match=r"cannot create .*No such file") as raised:
        Muxer(path, container, [spec_of("opus")])
    assert raised.value.where.parent == path.parent


def test_what_is_no_key_frame_begins_no_file(tmp_path: Path) -> None:
    spec = StreamSpec(codec_named("VP8"), b"\x01")
    with pytest.raises(UnsupportedError, match="no key frame of VP8"):
        Muxer(tmp_path / "a.webm", Container.WEBM, [spec])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pts", [Fraction(1), Fraction(99, 100), Fraction(-1)])
def test_time_goes_on(tmp_path: Path, pts: Fraction) -> None:
    muxer = Muxer(tmp_path / "a.webm", Container.WEBM, [spec_of("opus")])
    Shot(0, b"\xfc", Fraction(1), SOUND).write(muxer)
    with pytest.raises(ValueError, match="after the one before"):
        Shot(0, b"\xfc", pts, SOUND).write(muxer)
    # That harms nothing.
    Shot(0, b"\xfc", Fraction(2), SOUND).write(muxer)
    muxer.flush()
    muxer.close()


def test_what_comes_after_the_end_is_refused(tmp_path: Path) -> None:
    muxer = Muxer(tmp_path / "a.webm", Container.WEBM, [spec_of("opus")])
    muxer.close()
    with pytest.raises(RecordingError, match="it is closed"):
        Shot(0, b"\xfc", Fraction(1), SOUND).write(muxer)


def test_pictures_need_not_come_at_any_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    wanted = [Fraction(index * index, 90) for index in range(LOOP)]
    shots = [
        Shot(0, shot.payload, pts, PICTURE, shot.keyframe)
        for shot, pts in zip(lasting(video("H264"), 1), wanted, strict=True)
    ]
    record(path, Container.MP4, [spec_of("H264")], shots)
    assert times(path)[0] == pytest.approx([float(pts) for pts in wanted], abs=1e-4)


@pytest.mark.parametrize(("container", "name"), HOLDING)
def test_a_reader_finds_its_way(tmp_path: Path, container: Container, name: str) -> None:
    path = tmp_path / f"a{container.suffix}"
    shots = lasting(audio(0), 20) + lasting(video(name, 1), 20)
    record(path, container, [spec_of("opus"), spec_of(name)], shots)
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        assert stream.time_base is not None
        source.seek(round(15.5 / stream.time_base), stream=stream)
        picture = next(source.decode(stream))
        assert picture.time is not None
        # FFmpeg begins in the midst of HLS with the segment, which has two key frames.
        wanted = (14, 15) if container is Container.HLS else (15,)
        assert any(picture.time == pytest.approx(time, abs=0.002) for time in wanted)


def test_flushing_writes_what_is_pending(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    muxer = Muxer(path, Container.WEBM, [spec_of("opus")])
    shots = lasting(audio(), 1)[:3]
    for shot in shots:
        shot.write(muxer)
    muxer.flush()
    assert times(path)[0] == pytest.approx([0, 0.02, 0.04])
    muxer.close()
    muxer.flush()


@pytest.mark.parametrize("container", [one for one in Container if one is not Container.OGG])
def test_a_file_opens_from_its_first_frame_on(tmp_path: Path, container: Container) -> None:
    path = tmp_path / f"a{container.suffix}"
    muxer = Muxer(path, container, [spec_of("opus"), spec_of("VP9")])
    next(audio()).write(muxer)
    assert [len(found) for found in times(path).values()] == [1, 0]
    muxer.close()
