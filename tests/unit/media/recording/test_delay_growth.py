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
#: Seconds by which a packet may be off its place.
EXACT = 0.005


def lateness(*late: float, step: float = 0.02, start: float = 0.0) -> DelayGrowthDetector:
    made = DelayGrowthDetector()
    for index, each in enumerate(late):
        made.observe(start + index * step, each)
    return made


def doubted() -> DelayGrowthDetector:
    """Return a detector whose sender has told of a stall of its clock."""
    made = lateness(*[0.0] * 50, *[0.1] * 50, start=-10.0)
    made.on_report(0.1)
    for index in range(50):
        made.observe(index * 0.02, 0.0)
    return made


def observed(*late: float) -> DelayGrowthDetector:
    """Return the detector of pictures that have come for five seconds, and were so late then."""
    made = lateness(*[0.0] * 150, step=1 / 30, start=-5.0)
    for index in range(30):
        made.observe(index / 30, late[index % len(late)])
    return made


def with_a_hole(
    frames: list[EncodedFrame], *, reported: float, at: float = AT
) -> list[EncodedFrame]:
    """Sound of which a busy sender loses some: its RTP clock stands meanwhile."""
    lost = round(LOST * OPUS.clock_rate)
    kept = (f for f in frames if not at <= f.arrival - 0.03 < at + LOST)
    return [
        each
        if each.arrival - 0.03 < at
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
    sound = doubted()
    for index in range(60):
        sound.observe(1.0 + index * 0.02, 0.12)
        sound.compare(observed(growth) for growth in pictures)
    assert sound.stalled == pytest.approx(stalled, abs=0.005)


def test_a_moment_is_not_believed() -> None:
    sound = doubted()
    for index in range(60):
        sound.observe(1.0 + index * 0.02, 0.12)
        sound.compare([observed(0.12 if index % 8 else 0.0)])
        assert sound.stalled == 0.0


def test_pictures_that_have_just_begun_say_nothing() -> None:
    sound = doubted()
    pictures = lateness(*[0.2] * 10, step=1 / 30, start=1.0)
    for index in range(60):
        sound.observe(1.0 + index * 0.02, 0.12)
        sound.compare([pictures])
    assert sound.stalled == 0.0


@pytest.mark.parametrize(
    ("change", "stalled"), [(0.0, 0.0), (-0.1, 0.0), (3600.0, 0.0), (0.1, 0.12)]
)
def test_clock_is_believed_where_no_report_told_of_a_stall(change: float, stalled: float) -> None:
    sound = lateness(*[0.0] * 50, *[0.1] * 50)
    sound.on_report(change)
    for index in range(150):
        sound.observe(2.0 + index * 0.02, 0.0 if index < 50 else 0.12)
        sound.compare([observed(0.0)])
    assert sound.stalled == pytest.approx(stalled, abs=0.01)


def test_a_first_hole_is_put_right_by_the_report() -> None:
    sound = with_a_hole(Track().frames(100.0, 115.0), reported=AT + 5)
    found = errors(sound, Track(VP8).frames(100.0, 115.0))
    off = [abs(error) for arrival, error in found if not AT <= arrival < AT + 5.1]
    assert max(off) < 0.02


def test_a_hole_after_another_is_known_before_the_report() -> None:
    frames = with_a_hole(Track().frames(100.0, 125.0), reported=AT + 5)
    again = AT + 8
    sound = with_a_hole(frames, reported=again + 5, at=again)
    found = errors(sound, Track(VP8).frames(100.0, 125.0))
    off = [
        abs(error)
        for arrival, error in found
        if not AT <= arrival < AT + 5.1 and not again <= arrival < again + 1.1
    ]
    assert max(off) < 0.02


def late(frames: list[EncodedFrame], seconds: float, *, after: float) -> list[EncodedFrame]:
    """Let frames that were captured after a time arrive later; their times are honest."""
    return [
        replace(each, arrival=each.arrival + seconds * (each.arrival - 0.03 >= after))
        for each in frames
    ]


def off_their_place(
    sound: list[EncodedFrame], pictures: list[EncodedFrame]
) -> tuple[list[float], int]:
    """By how much each packet of sound is off the place that its sender's clock gives it."""
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
    found = [
        float(each.time) - each.frame.pts / OPUS.clock_rate
        for each in placed
        if each.key == "sound"
    ]
    return found, line.overlapped


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.6])
@pytest.mark.parametrize(
    ("after", "pictures_from"), [(0.0, 100.0), (AT, 100.0), (AT, AT - 0.2), (AT, 200.0)]
)
def test_sound_that_only_arrives_late_is_placed_by_its_senders_clock(
    after: float, seconds: float, pictures_from: float
) -> None:
    sound = late(Track().frames(100.0, 130.0), seconds, after=after)
    pictures = Track(VP8).frames(pictures_from, 130.0)
    off, overlapped = off_their_place(sound, pictures)
    assert len(off) == len(sound)
    assert overlapped == 0
    assert max(map(abs, off)) < EXACT


def test_sound_of_a_busy_machine_loses_no_packet_of_the_recording() -> None:
    # Held for 0.8 s and given in a burst, again and again, while pictures come in time.
    sound = [
        replace(
            each, arrival=max(each.arrival, 100.0 + 4 * round((each.arrival - 100.0) / 4) + 0.8)
        )
        if abs((each.arrival - 100.0) % 4) < 0.8
        else each
        for each in Track().frames(100.0, 130.0)
    ]
    off, overlapped = off_their_place(sound, Track(VP8).frames(100.0, 130.0))
    assert (len(off), overlapped) == (len(sound), 0)
    assert max(map(abs, off)) < EXACT


def test_late_sound_of_a_sender_whose_clock_has_stood_is_late_until_the_next_report_only() -> None:
    stood = with_a_hole(Track().frames(100.0, 150.0), reported=AT + 5)
    sound = late(stood, 0.1, after=AT + 12)
    found = errors(sound, Track(VP8).frames(100.0, 150.0))
    # `errors` goes by the arrival, which is later by 0.1 s.
    off = [abs(error + 0.1) for arrival, error in found if arrival >= AT + 12 + 6 + 6]
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
