from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest

from media.recording.timeline import REPORT_TIMEOUT, PlacedFrame, Timeline
from peer.rtp_parameters import MediaKind
from peer.times import UnixTime
from tests.support.media.recorded import OPUS, VP8, Track, shifted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer import EncodedFrame

#: 40 ms between a flash and a beep is what is asked for; the line itself may take little of it.
IN_SYNC = 0.006


def play(line: Timeline, **tracks: Iterable[EncodedFrame]) -> dict[str, list[PlacedFrame]]:
    """Give the line what arrives, in the order of arrival, and the time as it passes."""
    arriving = sorted(
        ((frame.arrival, key, frame) for key, frames in tracks.items() for frame in frames),
        key=lambda each: each[:2],
    )
    placed: dict[str, list[PlacedFrame]] = {key: [] for key in tracks}
    for arrival, key, frame in arriving:
        line.advance(arrival)
        line.put(key, frame)
        for each in line.take():
            placed[str(each.key)].append(each)
    line.finish()
    for each in line.take():
        placed[str(each.key)].append(each)
    return placed


def line_of(**kinds: str) -> Timeline:
    """A line of tracks, each with the name of its sender."""
    line = Timeline()
    for key, sender in kinds.items():
        kind = MediaKind.AUDIO if key.startswith("sound") else MediaKind.VIDEO
        line.add(key, kind, sender)
    return line


def errors(placed: list[PlacedFrame], track: Track, origin: float) -> list[float]:
    """By how much each is off its place, where the line begins at `origin` of our clock."""
    return [
        float(each.time)
        - (each.frame.pts / track.codec.clock_rate / track.rate + track.began - origin)
        for each in placed
    ]


def test_sound_and_picture_of_one_sender_are_together_by_its_clock() -> None:
    line = line_of(sound="a", picture="a")
    sound, picture = Track(delay=0.02, began=3.0), Track(VP8, delay=0.35, began=99.0)
    placed = play(line, sound=sound.frames(100.0, 110.0), picture=picture.frames(100.0, 110.0))
    assert len(placed["sound"]) == 500
    assert len(placed["picture"]) == 300
    for key, track in (("sound", sound), ("picture", picture)):
        assert max(map(abs, errors(placed[key], track, 100.0))) < IN_SYNC


def test_first_frames_wait_for_the_report_and_are_placed_by_it() -> None:
    line = line_of(sound="a", picture="a")
    sound = Track(delay=0.02, report=101.0)
    picture = Track(VP8, delay=0.4, report=100.6)
    placed = play(line, sound=sound.frames(100.0, 104.0), picture=picture.frames(100.0, 104.0))
    assert len(placed["sound"]) == 200
    assert placed["sound"][0].time == placed["picture"][0].time == 0
    for key, track in (("sound", sound), ("picture", picture)):
        assert max(map(abs, errors(placed[key], track, 100.0))) < IN_SYNC


def test_no_report_places_by_arrival_after_the_hold() -> None:
    line = line_of(sound="a")
    track = Track(report=1e9)
    for frame in track.frames(100.0, 100.0 + REPORT_TIMEOUT - 0.1):
        line.put("sound", frame)
        line.advance(frame.arrival)
        assert not line.take()
    line.advance(100.0 + REPORT_TIMEOUT + track.delay)
    assert [each.time for each in line.take()] == [Fraction(n, 50) for n in range(70)]


def test_late_report_moves_a_track_to_its_place_without_a_jump() -> None:
    line = line_of(sound="a", picture="a")
    sound, picture = Track(delay=0.02), Track(VP8, delay=0.2, report=105.0)
    placed = play(line, sound=sound.frames(100.0, 125.0), picture=picture.frames(100.0, 125.0))
    off = errors(placed["picture"], picture, 100.0)
    assert off[0] == pytest.approx(0.18, abs=0.01)
    assert all(abs(later - earlier) < 0.004 for earlier, later in pairwise(off))
    # The report is at 5 seconds.
    assert max(map(abs, off[30 * 7 + 15 :])) < IN_SYNC
    assert max(map(abs, errors(placed["sound"], sound, 100.0))) < IN_SYNC


def test_sound_is_moved_more_slowly_than_pictures() -> None:
    line = line_of(sound="a", picture="a")
    sound, picture = Track(delay=0.2, report=105.0), Track(VP8, delay=0.02)
    placed = play(line, sound=sound.frames(100.0, 125.0), picture=picture.frames(100.0, 125.0))
    off = errors(placed["sound"], sound, 100.0)
    assert off[0] == pytest.approx(0.18, abs=0.01)
    assert all(abs(later - earlier) < 0.0005 for earlier, later in pairwise(off))
    assert abs(off[-1]) < IN_SYNC


def test_sound_that_is_regular_stays_so() -> None:
    line = line_of(sound="a")
    random = Random(1)
    frames = [
        replace(frame, wall_clock=UnixTime((frame.wall_clock or 0) + random.uniform(-0.002, 0.002)))
        for frame in Track().frames(100.0, 110.0)
    ]
    times = [each.time for each in play(line, sound=frames)["sound"]]
    assert {later - earlier for earlier, later in pairwise(times)} == {Fraction(1, 50)}


def test_track_that_starts_late_is_placed_where_it_belongs() -> None:
    line = line_of(sound="a", picture="a")
    sound, picture = Track(delay=0.02), Track(VP8, delay=0.3, began=107.0, report=108.0)
    placed = play(line, sound=sound.frames(100.0, 115.0), picture=picture.frames(107.0, 115.0))
    assert float(placed["picture"][0].time) == pytest.approx(7.0, abs=IN_SYNC)
    assert max(map(abs, errors(placed["picture"], picture, 100.0))) < IN_SYNC


def test_track_that_joins_again_goes_on_where_it_belongs() -> None:
    line = line_of(sound="a", picture="a")
    sound, picture = Track(), Track(VP8)
    first = play(line, sound=sound.frames(100.0, 110.0), picture=picture.frames(100.0, 103.0))
    line.remove("picture")
    line.add("picture", MediaKind.VIDEO, "a")
    again = Track(VP8, began=112.0, delay=0.2)
    second = play(line, sound=sound.frames(110.0, 120.0), picture=again.frames(112.0, 120.0))
    assert len(first["picture"]) == 90
    assert float(second["picture"][0].time) == pytest.approx(12.0, abs=IN_SYNC)


def test_track_that_ends_before_it_was_placed_is_not_lost() -> None:
    line = line_of(sound="a", picture="a")
    for frame in Track().frames(100.0, 100.2):
        line.put("sound", frame)
    line.remove("sound")
    assert [float(each.time) for each in line.take()] == [n / 50 for n in range(10)]
    placed = play(line, picture=Track(VP8).frames(100.1, 102.0))["picture"]
    assert float(placed[0].time) == pytest.approx(0.1, abs=0.02)


def test_who_comes_under_the_name_of_one_who_went_has_a_clock_of_its_own() -> None:
    line = line_of(sound="a", sound2="b")
    here = Track()
    first = play(
        line, sound=Track(ahead=0.5).frames(100.0, 105.0), sound2=here.frames(100.0, 105.0)
    )
    assert first["sound"][0].time == 0
    line.remove("sound")
    line.add("sound", MediaKind.AUDIO, "a")
    again = Track(ahead=0.0)
    placed = play(line, sound=again.frames(106.0, 110.0), sound2=here.frames(105.0, 110.0))
    assert float(placed["sound"][0].time) == pytest.approx(6.0, abs=IN_SYNC)


def test_what_is_lost_leaves_a_gap_and_no_drift() -> None:
    line = line_of(sound="a")
    track = Track()
    frames = [frame for frame in track.frames(100.0, 160.0) if frame.pts // 960 % 20 != 7]
    placed = play(line, sound=frames)["sound"]
    assert len(placed) == len(frames)
    assert max(map(abs, errors(placed, track, 100.0))) < 1e-4


def test_clock_that_runs_fast_is_followed() -> None:
    line = line_of(sound="a", picture="a")
    sound, picture = Track(rate=1.0005), Track(VP8)
    placed = play(line, sound=sound.frames(100.0, 220.0), picture=picture.frames(100.0, 220.0))
    assert max(map(abs, errors(placed["sound"], sound, 100.0))) < IN_SYNC
    assert max(map(abs, errors(placed["picture"], picture, 100.0))) < IN_SYNC


def test_way_that_gets_shorter_moves_the_line_slowly() -> None:
    line = line_of(sound="a")
    track = Track(delay=0.2)
    frames = [
        replace(frame, arrival=frame.arrival - min(0.15, max(0, frame.pts - 240_000) / 96_000))
        for frame in track.frames(100.0, 120.0)
    ]
    off = errors(play(line, sound=frames)["sound"], track, 100.0)
    assert off[0] == pytest.approx(0.0, abs=IN_SYNC)
    # A millisecond a second, and what a track may be off its place.
    assert -0.015 - IN_SYNC < off[-1] < -0.005


def test_senders_with_other_clocks_are_together_by_arrivals() -> None:
    line = line_of(sound="a", sound2="b")
    here, there = Track(delay=0.03), Track(delay=0.05, ahead=-4000.0)
    placed = play(line, sound=here.frames(100.0, 105.0), sound2=there.frames(100.0, 105.0))
    assert float(placed["sound"][0].time) == 0
    # Nothing tells a longer way from a later capture.
    assert float(placed["sound2"][0].time) == pytest.approx(0.02, abs=IN_SYNC)


@pytest.mark.parametrize("step", [-30.0, -0.6, 0.6, 3600.0])
def test_sender_whose_clock_is_set_goes_on(step: float) -> None:
    line = line_of(sound="a", picture="a")
    sound, picture = Track(delay=0.02), Track(VP8, delay=0.15)
    placed = play(
        line,
        sound=[
            shifted(frame, step) if frame.arrival > 105.0 else frame
            for frame in sound.frames(100.0, 112.0)
        ],
        picture=[
            shifted(frame, step) if frame.arrival > 106.0 else frame
            for frame in picture.frames(100.0, 112.0)
        ],
    )
    assert line.overlapped == 0
    for key, track in (("sound", sound), ("picture", picture)):
        assert max(map(abs, errors(placed[key], track, 100.0))) < 2 * IN_SYNC


def test_rtp_clock_that_leaps_is_put_right_by_arrival_and_by_the_next_report() -> None:
    line = line_of(sound="a")
    track = Track()
    frames = []
    for frame in track.frames(100.0, 115.0):
        wall = frame.wall_clock or 0.0
        if frame.arrival < 105.0:
            frames.append(frame)
        else:
            # Until the report at 108 the sender's clock is reckoned by the clock that leapt.
            leapt = replace(frame, pts=frame.pts + 96_000)
            frames.append(replace(leapt, wall_clock=UnixTime(wall + 2.0 * (frame.arrival < 108.0))))
    placed = play(line, sound=frames)["sound"]
    places = [float(each.time) - (each.frame.arrival - track.delay - 100.0) for each in placed]
    assert max(map(abs, places)) < IN_SYNC
    assert len(placed) == len(frames)


@pytest.mark.parametrize("back", [0.3, 0.9])
def test_pictures_that_a_report_moves_back_are_no_b_frames(back: float) -> None:
    line = line_of(picture="a")
    track = Track(VP8)
    frames = [
        # As where another stream goes on late, and its first report tells when it was captured.
        replace(
            frame,
            pts=frame.pts + round(90_000 * back),
            arrival=frame.arrival + back * max(0, 106.0 - frame.arrival),
            wall_clock=frame.wall_clock if known else None,
        )
        if frame.arrival > 105.0
        else frame
        for frame in track.frames(100.0, 110.0)
        for known in (frame.arrival > 106.0,)
    ]
    placed = play(line, picture=frames)["picture"]
    assert [each for each in placed if each.offset] == []
    assert all(one.shown < two.shown for one, two in pairwise(placed))
    # Of the times that another stream begins with, none is left.
    assert errors(placed[-1:], track, 100.0)[0] == pytest.approx(-back, abs=IN_SYNC)


def test_codec_with_another_clock_goes_on() -> None:
    line = line_of(sound="a")
    g711 = replace(OPUS, name="PCMU", clock_rate=8000)
    track = Track()
    frames = [
        frame
        if frame.arrival < 105.0
        else replace(frame, codec=g711, pts=frame.pts // 6, payload=bytes(160))
        for frame in track.frames(100.0, 110.0)
    ]
    times = [each.time for each in play(line, sound=frames)["sound"]]
    assert len(times) == 500
    assert all(abs(later - earlier - Fraction(1, 50)) < 1e-4 for earlier, later in pairwise(times))


def test_slow_first_frame_does_not_put_one_sender_behind_another() -> None:
    line = line_of(picture="a", picture2="b")
    track = Track(VP8)
    slow = [
        replace(frame, arrival=max(frame.arrival, 100.28)) for frame in track.frames(100.0, 103.0)
    ]
    placed = play(line, picture=slow, picture2=Track(VP8).frames(100.0, 103.0))
    assert placed["picture"][0].time == pytest.approx(placed["picture2"][0].time, abs=IN_SYNC)


def test_paused_time_is_cut_out() -> None:
    line = line_of(sound="a", picture="a")
    sound, picture = Track(), Track(VP8)
    first = play(line, sound=sound.frames(100.0, 103.0), picture=picture.frames(100.0, 103.0))
    line.pause(103.0)
    nothing = play(line, sound=sound.frames(103.0, 108.0), picture=picture.frames(103.0, 108.0))
    line.resume(108.0)
    dependent = [picture.frame(108.0 + n / 30, keyframe=n >= 9) for n in range(60)]
    assert play(line, picture=dependent[:1]) == {"picture": []}
    assert list(line.broken) == ["picture"]
    second = play(line, sound=sound.frames(108.0, 110.0), picture=dependent[1:])
    assert not line.broken
    assert not nothing["sound"]
    assert not nothing["picture"]
    assert float(first["sound"][-1].time) == pytest.approx(2.98, abs=0.03)
    assert float(second["sound"][0].time) == pytest.approx(3.0, abs=0.06)
    # What builds on pictures of the pause is nothing without them.
    assert len(second["picture"]) == 51
    assert float(second["picture"][0].time) == pytest.approx(3.3, abs=0.04)


def test_times_of_a_track_rise_whatever_comes() -> None:
    random = Random(6)
    line = line_of(sound="a", picture="a", picture2="b")
    tracks = {"sound": Track(), "picture": Track(VP8), "picture2": Track(VP8, ahead=5.0)}
    given: dict[str, list[EncodedFrame]] = {}
    for key, track in tracks.items():
        given[key] = [
            replace(
                frame,
                pts=frame.pts + random.choice((0, 0, 0, -9_000, 90_000)),
                arrival=frame.arrival + random.choice((0.0, 0.5)),
                wall_clock=random.choice(
                    (None, frame.wall_clock, UnixTime(random.uniform(-1e9, 1e9)), frame.wall_clock)
                ),
                keyframe=random.random() < 0.9,
            )
            for frame in track.frames(100.0, 140.0)
        ]
    for key, placed in play(line, **given).items():
        times = [each.time for each in placed]
        assert len(times) > 100, key
        assert all(later - earlier >= Fraction(1, 1000) for earlier, later in pairwise(times))
        assert times[0] >= 0
