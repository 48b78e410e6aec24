"""Recordings of pictures that come in another order than they are shown in."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest

from media.recording.segments import SegmentRule
from peer.times import UnixTime
from tests.support.media.b_frames import (
    SETTINGS,
    hevc_with_b_frames,
    with_b_frames,
    without_restrictions,
)
from tests.support.media.nal_senders import TICKS, Sent, access_units, packets, send, units_of
from tests.support.media.received_pictures import placed, received, record
from tests.support.media.recording import complaints

if TYPE_CHECKING:
    from pathlib import Path

    from media.recording.timeline import PlacedFrame
    from tests.support.media.encoded import Encoded

DEPTHS = {"one": 1, "two": 1, "pyramid": 2, "H265": 2}
STREAMS = {**{name: ("H264", name) for name in SETTINGS}, "H265": ("H265", "")}


@cache
def pictures(stream: str) -> tuple[Encoded, ...]:
    return hevc_with_b_frames() if stream == "H265" else with_b_frames(SETTINGS[stream])


def sent(name: str, source: tuple[Encoded, ...], *, ticks: int = TICKS) -> list[Sent]:
    """Packets in the order of decoding, with the times of showing."""
    first = 2**32 - 5 * ticks
    return list(
        send(
            name,
            units_of(name, source),
            time=lambda unit: first + ticks * source[unit.number].pts,
        )
    )


def stream_of(stream: str, *, framerate: int = 30, has_reports: bool = False) -> list[PlacedFrame]:
    name, _ = STREAMS[stream]
    frames = received(
        name,
        sent(name, pictures(stream), ticks=90_000 // framerate),
        framerate=framerate,
    )
    assert len(frames) == len(pictures(stream))
    if has_reports:
        frames = [replace(each, wall_clock=UnixTime(1.7e9 + each.pts / 90_000)) for each in frames]
    return placed(frames)


def shown(path: Path) -> list[float]:
    """The times of the pictures that a player shows, in their order."""
    with av.open(str(path)) as file:
        return [round(float(frame.time or 0), 3) for frame in file.decode(video=0)]


@pytest.mark.parametrize("has_reports", [False, True])
@pytest.mark.parametrize("framerate", [30, 10, 5])
@pytest.mark.parametrize("stream", STREAMS)
def test_places_of_b_frames_have_even_decoding_times_and_their_own_times_of_showing(
    stream: str, framerate: int, has_reports: bool
) -> None:
    frames = stream_of(stream, framerate=framerate, has_reports=has_reports)
    assert [each.frame.pts * framerate // 90_000 for each in frames] == [
        each.pts for each in pictures(stream)
    ]
    step = Fraction(1, framerate)
    start = frames[0].time
    assert [each.shown - start for each in frames] == [step * each.pts for each in pictures(stream)]
    depth = DEPTHS[stream]
    assert [each.time - start for each in frames[depth + 1 :]] == [
        step * at for at in range(1, len(frames) - depth)
    ]
    assert all(before.time < after.time for before, after in pairwise(frames))
    assert all(each.offset >= 0 for each in frames)


@pytest.mark.parametrize(
    ("stream", "suffix"),
    [
        ("pyramid", "mp4"),
        ("pyramid", "mkv"),
        ("pyramid", "m3u8"),
        ("pyramid", "webm"),
        ("one", "mp4"),
        ("H265", "mp4"),
        ("H265", "m3u8"),
    ],
)
def test_every_picture_of_a_stream_with_b_frames_is_recorded_and_shown_in_order(
    tmp_path: Path, stream: str, suffix: str
) -> None:
    frames = stream_of(stream)
    told = record(tmp_path / f"out.{suffix}", frames)
    assert told.failures == []
    found = shown(tmp_path / f"out.{suffix}")
    start = found[0]
    assert [round(each - start, 2) for each in found] == [
        round(at / 30, 2) for at in range(len(frames))
    ]
    assert complaints(tmp_path / f"out.{suffix}") == ""


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_files_of_a_stream_with_b_frames_have_every_picture_once(
    tmp_path: Path, suffix: str
) -> None:
    frames = stream_of("pyramid")
    record(tmp_path / f"out.{suffix}", frames, rule=SegmentRule(duration=0.5))
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    for path in files:
        found = shown(path)
        assert len(found) == 20
        assert all(0.03 < after - before < 0.04 for before, after in pairwise(found))
        assert complaints(path) == ""


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_b_frames_that_no_parameter_set_foretells_are_recorded(tmp_path: Path, suffix: str) -> None:
    source = tuple(replace(each, data=without_restrictions(each.data)) for each in pictures("two"))
    frames = placed(received("H264", sent("H264", source)))
    record(tmp_path / f"out.{suffix}", frames)
    found = shown(tmp_path / f"out.{suffix}")
    assert len(found) == len(source)
    assert all(0.03 < after - before < 0.04 for before, after in pairwise(found))


@pytest.mark.parametrize(
    "sender",
    ["each NAL unit with a marker", "each slice with a marker and a time of its own", "no markers"],
)
@pytest.mark.parametrize("name", ["H264", "H265"])
def test_recording_of_a_sender_with_markers_at_will_plays(
    tmp_path: Path, name: str, sender: str
) -> None:
    source = access_units(name, slices=3)
    frames = placed(received(name, packets(name, sender, source)))
    record(tmp_path / "out.mp4", frames)
    held = sender == "no markers"
    found = shown(tmp_path / "out.mp4")
    assert found == [round(at / 30, 3) for at in range(len(source) - held)]
    assert complaints(tmp_path / "out.mp4") == ""
