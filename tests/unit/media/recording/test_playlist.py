from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from media.recording.boxes import boxes
from media.recording.containers import Container
from media.recording.muxer import Muxer
from media.recording.playlist import TARGET_SECONDS
from tests.support.media.recording import Shot, audio, lasting, record, spec_of, video


def segments(playlist: str) -> list[tuple[float, int, int]]:
    """Of each segment, how many seconds it lasts, and its octets: how many, from where on."""
    found = []
    lines = iter(playlist.splitlines())
    for line in lines:
        if line.startswith("#EXTINF:"):
            size, _, start = next(lines).removeprefix("#EXT-X-BYTERANGE:").partition("@")
            seconds = float(line.removeprefix("#EXTINF:").removesuffix(","))
            found.append((seconds, int(size), int(start)))
            assert next(lines) == "a.m4s"
    return found


def target(playlist: str) -> int:
    """Of the longest segment, in seconds."""
    (line,) = [each for each in playlist.splitlines() if each.startswith("#EXT-X-TARGETDURATION:")]
    return int(line.partition(":")[2])


def test_segments_are_runs_of_the_fragments_of_the_file_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    shots = lasting(audio(0), 7) + lasting(video("H264", 1), 7)
    record(path, Container.HLS, [spec_of("opus"), spec_of("H264")], shots)
    media = (tmp_path / "a.m4s").read_bytes()
    fragments = [part.start for part in boxes(media) if part.kind == b"moof"]
    listed = segments(path.read_text())
    begins = [start for _, _, start in listed]
    assert set(begins) <= set(fragments)
    assert [start + size for _, size, start in listed] == [*begins[1:], len(media)]
    # A key frame comes each second, and a segment begins with one each two seconds.
    assert [seconds for seconds, _, _ in listed] == pytest.approx([2, 2, 2, 1], abs=0.1)
    assert sum(seconds for seconds, _, _ in listed) == pytest.approx(7, abs=0.02)
    header = path.read_text().splitlines()[:6]
    assert header == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{TARGET_SECONDS:05}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        f'#EXT-X-MAP:URI="a.m4s",BYTERANGE="{fragments[0]}@0"',
    ]


def test_it_has_an_end_at_every_moment_and_only_one(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    muxer = Muxer(path, Container.HLS, [spec_of("opus")])
    seen = [0.0]
    for shot in lasting(audio(), 5):
        shot.write(muxer)
        text = path.read_text()
        assert text.endswith("\n#EXT-X-ENDLIST\n")
        assert text.count("#EXT-X-ENDLIST") == 1
        seen.append(sum(seconds for seconds, _, _ in segments(text)))
        assert seen[-1] >= seen[-2]
    # All that is in the other file is listed, but the last half second, which is to come.
    assert seen[-1] >= 4.4
    muxer.close()


def test_only_the_last_segment_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    muxer = Muxer(path, Container.HLS, [spec_of("opus"), spec_of("H264")])
    shots = lasting(audio(0), 12) + lasting(video("H264", 1), 12)
    before: list[tuple[float, int, int]] = []
    for shot in sorted(shots, key=lambda shot: shot.pts):
        shot.write(muxer)
        now = segments(path.read_text())
        assert now[: len(before) - 1] == before[:-1]
        before = now
    muxer.close()
    assert len(before) >= 5


def test_no_segment_is_longer_than_it_says_whatever_stops(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    pictures = [each for each in lasting(video("H264", 1), 60) if not 5 <= each.pts < 48]
    record(
        path, Container.HLS, [spec_of("opus"), spec_of("H264")], lasting(audio(0), 60) + pictures
    )
    listed = segments(path.read_text())
    assert max(seconds for seconds, _, _ in listed) == pytest.approx(44, abs=1)
    assert target(path.read_text()) == round(max(seconds for seconds, _, _ in listed))
    assert sum(seconds for seconds, _, _ in listed) == pytest.approx(60, abs=0.02)


def test_a_camera_that_gives_no_key_frame_makes_no_endless_segment(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    first, *others = lasting(video("H264"), 60)
    shots = [first, *(Shot(0, each.payload, each.pts, each.duration, False) for each in others)]
    record(path, Container.HLS, [spec_of("H264")], shots)
    listed = segments(path.read_text())
    assert [seconds for seconds, _, _ in listed] == pytest.approx([12] * 5, abs=0.6)


@pytest.mark.parametrize("rate", [1, 2, 5, 10])
def test_segments_are_of_two_seconds_at_any_rate_of_pictures(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.m3u8"
    step = Fraction(1, rate)
    key = next(video("H264")).payload
    slow = [Shot(1, key, number * step, step) for number in range(12 * rate)]
    record(path, Container.HLS, [spec_of("opus"), spec_of("H264")], lasting(audio(0), 12) + slow)
    listed = segments(path.read_text())
    assert min(seconds for seconds, _, _ in listed[:-1]) >= 1.9
    assert len(listed) >= 4
