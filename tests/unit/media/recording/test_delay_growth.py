from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media.recording.delay_growth import DelayGrowthDetector
from media.recording.timeline import Timeline
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime
from tests.support.media.recorded import OPUS, VP8, Track

if TYPE_CHECKING:
    from peer import EncodedFrame

#: Seconds that are lost in the middle, and when; the next report comes 5 seconds later.
LOST, AT = 0.1, 105.0


def lateness(*late: float, step: float = 0.02, start: float = 0.0) -> DelayGrowthDetector:
    made = DelayGrowthDetector()
    for index, each in enumerate(late):
        made.observe(start + index * step, each)
    return made


def with_a_hole(frames: list[EncodedFrame], *, reported: float) -> list[EncodedFrame]:
    """Sound of which a busy sender loses some: its RTP clock stands meanwhile."""
    lost = round(LOST * OPUS.clock_rate)
    kept = (f for f in frames if not AT <= f.arrival - 0.03 < AT + LOST)
    return [
        each
        if each.arrival - 0.03 < AT
        else replace(
            each,
            pts=each.pts - lost,
            wall_clock=each.wall_clock
            if each.wall_clock is None or each.arrival >= reported
            else UnixTime(each.wall_clock - LOST),
        )
        for each in kept
    ]


def errors(sound: list[EncodedFrame], pictures: list[EncodedFrame]) -> list[tuple[float, float]]:
    """When each packet of sound arrived, and by how much it is off its place."""
    line = Timeline()
    line.add("sound", MediaKind.AUDIO, "a")
    line.add("pictures", MediaKind.VIDEO, "a")
    arriving = [*(("sound", each) for each in sound), *(("pictures", each) for each in pictures)]
    placed = []
    for key, frame in sorted(arriving, key=lambda each: each[1].arrival):
        line.advance(frame.arrival)
        line.put(key, frame)
        placed += line.take()
    line.finish()
    placed += line.take()
    return [
        (each.frame.arrival, float(each.time) - (each.frame.arrival - 0.03 - 100.0))
        for each in placed
        if each.key == "sound"
    ]


def test_growth_is_of_the_fastest_frames() -> None:
    assert lateness(*[0.01, 0.05] * 40, *[0.05, 0.11] * 40).growth == pytest.approx(0.04, abs=0.005)
    assert lateness(*[0.01, 0.3, 0.3, 0.3] * 40).growth < 0.001


def test_what_is_new_becomes_usual() -> None:
    assert lateness(*[0.0] * 50, *[0.1] * 100).growth == pytest.approx(0.095, abs=0.01)
    assert lateness(*[0.0] * 50, *[0.1] * 6000).growth < 0.01


def test_few_frames_say_nothing() -> None:
    assert lateness(0.0, 0.0, 0.0, 0.5, step=0.3).growth == 0.0


def test_a_clock_that_knows_better_is_believed() -> None:
    made = lateness(*[0.0] * 50)
    made.restart()
    for index in range(50):
        made.observe(1.0 + index * 0.02, 0.2)
    assert made.growth == 0.0


@pytest.mark.parametrize(
    ("pictures", "stalled"), [([0.05, 0.0], 0.07), ([0.11], 0.0), ([0.2], 0.0), ([], 0.0)]
)
def test_what_pictures_have_as_well_is_of_the_way(pictures: list[float], stalled: float) -> None:
    sound = lateness(*[0.0] * 50)
    for index in range(60):
        sound.observe(1.0 + index * 0.02, 0.12)
        sound.compare(DelayGrowthDetector(growth) for growth in pictures)
    assert sound.stalled == pytest.approx(stalled, abs=0.005)


def test_a_moment_is_not_believed() -> None:
    sound = lateness(*[0.0] * 50)
    for index in range(60):
        sound.observe(1.0 + index * 0.02, 0.12)
        sound.compare([DelayGrowthDetector(0.12 if index % 8 else 0.0)])
        assert sound.stalled == 0.0


def test_a_hole_is_known_before_the_report() -> None:
    sound = with_a_hole(Track().frames(100.0, 115.0), reported=AT + 5)
    found = errors(sound, Track(VP8).frames(100.0, 115.0))
    off = [abs(error) for arrival, error in found if not AT <= arrival < AT + 1.1]
    assert max(off) < 0.02


def test_a_hole_before_any_report_is_known_as_well() -> None:
    sound = with_a_hole(Track(report=1e9).frames(100.0, 108.0), reported=1e9)
    found = errors(sound, Track(VP8).frames(100.0, 108.0))
    off = [abs(error) for arrival, error in found if not AT <= arrival < AT + 1.1]
    assert max(off) < 0.02


def test_a_way_that_gets_slower_moves_nothing() -> None:
    def slower(frames: list[EncodedFrame]) -> list[EncodedFrame]:
        return [replace(f, arrival=f.arrival + 0.1 * (f.arrival >= AT)) for f in frames]

    tracks = Track().frames(100.0, 112.0), Track(VP8).frames(100.0, 112.0)
    late = [
        error + 0.1 * (arrival >= AT + 0.1)
        for arrival, error in errors(*map(slower, tracks))
        if not AT <= arrival < AT + 0.2
    ]
    assert max(map(abs, late)) < 0.01
