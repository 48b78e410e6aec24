from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import pytest

from media.recording.boxes import boxes, inside
from media.recording.containers import Container
from media.recording.muxer import Muxer
from tests.support.media.recording import Shot, audio, lasting, spec_of, video

#: Ticks a second of sound and of pictures.
RATES = (48_000, 90_000)
HOLDERS = [Container.MP4, Container.HLS]


def samples(path: Path) -> dict[int, list[tuple[Fraction, Fraction]]]:
    """Of each track from 0, begin and end in seconds of each sample."""
    found: dict[int, list[tuple[Fraction, Fraction]]] = {0: [], 1: []}
    for track in inside(path.read_bytes(), b"moof", b"traf"):
        (header,), (time,), (run,) = (inside(track, k) for k in (b"tfhd", b"tfdt", b"trun"))
        stream = int.from_bytes(header[4:8], "big") - 1
        at = int.from_bytes(time[4:12], "big")
        flags, count = struct.unpack(">II", run[:8])
        size = (len(run) - 12) // count
        assert flags & 0x100
        for number in range(count):
            (duration,) = struct.unpack_from(">I", run, 12 + size * number)
            begin, at = at, at + duration
            found[stream].append((Fraction(begin, RATES[stream]), Fraction(at, RATES[stream])))
    return found


def media(folder: Path) -> Path:
    (path,) = (each for each in folder.iterdir() if each.suffix in (".mp4", ".m4s"))
    return path


def written(folder: Path, container: Container, shots: list[Shot]) -> Path:
    muxer = Muxer(folder / f"a{container.suffix}", container, [spec_of("opus"), spec_of("H264")])
    for shot in sorted(shots, key=lambda shot: (shot.pts, shot.stream)):
        shot.write(muxer)
        found = samples(media(folder))
        if found[0] and found[1]:
            # At every moment the picture is there for as long as the file.
            assert found[1][-1][1] >= found[0][-1][1] - Fraction(1, 1000)
    muxer.close()
    return media(folder)


def slow(rate: int, seconds: int) -> list[Shot]:
    """Pictures at a rate, which are thought to last as long as those of a quick camera."""
    key = next(video("H264")).payload
    return [
        Shot(1, key, number / Fraction(rate), Fraction(1, 30)) for number in range(seconds * rate)
    ]


@pytest.mark.parametrize("container", HOLDERS)
@pytest.mark.parametrize("rate", [1, 3, 10])
def test_every_picture_reaches_to_the_next_one_across_fragments(
    tmp_path: Path, container: Container, rate: int
) -> None:
    path = written(tmp_path, container, lasting(audio(0), 5) + slow(rate, 5))
    for found in samples(path).values():
        assert [end for _, end in found[:-1]] == [begin for begin, _ in found[1:]]
        assert found[0][0] == 0
        assert found[-1][1] == pytest.approx(5, abs=0.001)


@pytest.mark.parametrize("container", HOLDERS)
@pytest.mark.parametrize("until", [7, 99])
def test_a_camera_that_stops_leaves_its_last_picture_for_as_long(
    tmp_path: Path, container: Container, until: int
) -> None:
    pictures = [each for each in lasting(video("H264", 1), 9) if not 2 <= each.pts < until]
    path = written(tmp_path, container, lasting(audio(0), 9) + pictures)
    found = samples(path)[1]
    assert len(found) == len(pictures)
    assert [end for _, end in found[:-1]] == [begin for begin, _ in found[1:]]
    assert found[-1][1] == pytest.approx(9, abs=0.001)
    assert max(end - begin for begin, end in found) == pytest.approx(min(until, 9) - 2, abs=0.04)


@pytest.mark.parametrize("container", HOLDERS)
@pytest.mark.parametrize(("begin", "end"), [(0, 4), (3, 7), (5, 99)])
def test_a_muted_microphone_leaves_silence(
    tmp_path: Path, container: Container, begin: int, end: int
) -> None:
    sounds = [each for each in lasting(audio(0), 9) if not begin <= each.pts < end]
    path = written(tmp_path, container, sounds + lasting(video("H264", 1), 9))
    found = samples(path)[0]
    assert found[0][0] == 0
    assert [until for _, until in found[:-1]] == [start for start, _ in found[1:]]
    assert found[-1][1] == pytest.approx(9, abs=0.03)


@pytest.mark.parametrize("container", HOLDERS)
def test_a_picture_that_comes_late_is_shown_from_the_beginning(
    tmp_path: Path, container: Container
) -> None:
    path = written(
        tmp_path, container, lasting(audio(0), 9) + lasting(video("H264", 1, start=Fraction(5)), 4)
    )
    found = samples(path)[1]
    assert found[0] == (Fraction(0), 5 + Fraction(1, 30))
    assert found[-1][1] == pytest.approx(9, abs=0.001)


def test_the_header_of_an_mp4_tells_its_duration_once_it_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    muxer = Muxer(path, Container.MP4, [spec_of("opus")])
    for shot in lasting(audio(), 7):
        shot.write(muxer)
    before = path.read_bytes()
    muxer.close()
    after = path.read_bytes()

    assert [*inside(before, b"moov", b"mvex", b"mehd")] == []
    (movie,) = inside(after, b"moov", b"mvhd")
    (told,) = inside(after, b"moov", b"mvex", b"mehd")
    assert Fraction(
        int.from_bytes(told[4:12], "big"), int.from_bytes(movie[12:16], "big")
    ) == pytest.approx(7, abs=0.001)
    # Nothing else has moved.
    sizes = [len(b.data) for b in boxes(before)]
    assert [len(b.data) for b in boxes(after)][: len(sizes)] == sizes
