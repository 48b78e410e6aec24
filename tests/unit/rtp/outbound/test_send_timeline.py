"""Presentation times rise within a track and across tracks, in step with the clock."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from peer.rtp.outbound.send_timeline import SendTimeline
from tests.support.clock.clock import Clock

MS = Fraction(1, 1000)
FRAME = Fraction(20, 1000)
NOTHING = Fraction(0)


def test_first_track_keeps_its_times() -> None:
    timeline = SendTimeline(Clock())
    assert [timeline.place(pts, MS, FRAME) for pts in (500, 520, 560)] == [
        (500, MS),
        (520, MS),
        (560, MS),
    ]


def test_next_track_goes_on_at_the_present_moment() -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    timeline.place(500, MS, FRAME)
    clock.advance(3.0)
    timeline.begin_track()
    assert timeline.place(7, MS, FRAME) == (3500, MS)
    assert timeline.place(27, MS, FRAME) == (3520, MS)


def test_next_track_never_overlaps_the_one_before() -> None:
    timeline = SendTimeline(Clock())
    timeline.place(0, MS, FRAME)
    timeline.place(900, MS, FRAME)
    timeline.begin_track()
    assert timeline.place(0, MS, FRAME) == (920, MS)


def test_track_that_starts_over_goes_on() -> None:
    timeline = SendTimeline(Clock())
    timeline.place(900, MS, FRAME)
    assert timeline.place(0, MS, FRAME) == (920, MS)
    assert timeline.place(20, MS, FRAME) == (940, MS)


def test_other_time_base_counts_the_same_seconds() -> None:
    timeline = SendTimeline(Clock())
    timeline.place(900, MS, FRAME)
    timeline.begin_track()
    base = Fraction(1, 48_000)
    assert timeline.place(0, base, FRAME) == (920 * 48, base)


def test_pictures_without_times_take_the_clock_s() -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    timeline.place(None, None, NOTHING)
    clock.advance(0.5)
    assert timeline.place(None, None, NOTHING) == (45_000, Fraction(1, 90_000))


def test_sound_without_times_counts_its_samples() -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    timeline.place(None, MS, FRAME)
    clock.advance(0.035)
    assert timeline.place(None, MS, FRAME) == (20, MS)


def test_sound_without_times_notices_a_pause() -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    timeline.place(None, MS, FRAME)
    clock.advance(5.0)
    assert timeline.place(None, MS, FRAME) == (5000, MS)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**40), 2**40)),
            st.sampled_from([None, MS, Fraction(1, 90_000), Fraction(1, 48_000)]),
            st.sampled_from([NOTHING, FRAME]),
            st.booleans(),
            st.floats(0, 10),
        )
    )
)
def test_times_always_rise(
    frames: list[tuple[int | None, Fraction | None, Fraction, bool, float]],
) -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    times = []
    for pts, base, duration, switch, wait in frames:
        if switch:
            timeline.begin_track()
        clock.advance(wait)
        ticks, unit = timeline.place(pts, base, duration)
        times.append(ticks * unit)
    assert all(later > earlier for earlier, later in pairwise(times))
