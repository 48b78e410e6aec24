from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from media.recording.containers import Container
from media.recording.muxer import Muxer
from media.recording.playlist import TARGET_SECONDS, boxes, inside
from tests.support.media.recording import Shot, audio, lasting, record, spec_of, video


def box(kind: bytes, data: bytes = b"") -> bytes:
    return (8 + len(data)).to_bytes(4, "big") + kind + data


def test_boxes_follow_one_another_and_lie_in_one_another() -> None:
    data = box(b"aaaa", box(b"bbbb", b"1") + box(b"bbbb", b"2")) + box(b"cccc", b"3")
    assert [(found.kind, found.start, found.end) for found in boxes(data)] == [
        (b"aaaa", 0, 26),
        (b"cccc", 26, 35),
    ]
    assert list(inside(data, b"aaaa", b"bbbb")) == [b"1", b"2"]
    assert list(inside(data, b"cccc")) == [b"3"]
    assert list(inside(data, b"aaaa", b"cccc")) == []


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 8, b"\0\0\0\7free"])
def test_what_is_no_box_ends_them(data: bytes) -> None:
    assert list(boxes(data)) == []


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


def test_segments_are_the_fragments_of_the_file_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    shots = lasting(audio(0), 5) + lasting(video("H264", 1), 5)
    record(path, Container.HLS, [spec_of("opus"), spec_of("H264")], shots)
    media = (tmp_path / "a.m4s").read_bytes()
    found = list(boxes(media))
    starts = [part.start for part in found if part.kind == b"moof"]
    ends = [part.end for part in found if part.kind == b"mdat"]
    listed = segments(path.read_text())
    assert [(start, start + size) for _, size, start in listed] == list(
        zip(starts, ends, strict=True)
    )
    assert sum(seconds for seconds, _, _ in listed) == pytest.approx(5, abs=0.1)
    header = path.read_text().splitlines()[:6]
    assert header == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{TARGET_SECONDS}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        f'#EXT-X-MAP:URI="a.m4s",BYTERANGE="{starts[0]}@0"',
    ]


def test_it_has_an_end_at_every_moment_and_only_one(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    muxer = Muxer(path, Container.HLS, [spec_of("opus")])
    sizes = set()
    for shot in lasting(audio(), 5):
        shot.write(muxer)
        text = path.read_text()
        assert text.endswith("\n#EXT-X-ENDLIST\n")
        assert text.count("#EXT-X-ENDLIST") == 1
        sizes.add(len(segments(text)))
    # The first is of one frame; the last half second is still to come.
    assert sizes == set(range(1, 11))
    muxer.close()


def test_no_segment_is_longer_than_it_says(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    shots = lasting(video("H264"), 1)
    late = Shot(0, shots[0].payload, Fraction(60), Fraction(10))
    record(path, Container.HLS, [spec_of("H264")], [*shots, late])
    listed = segments(path.read_text())
    assert max(seconds for seconds, _, _ in listed) <= TARGET_SECONDS
