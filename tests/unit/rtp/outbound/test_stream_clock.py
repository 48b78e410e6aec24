"""RTP timestamps keep a track's distances, and rise through changes of track and codec."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from peer.rtp.encoding import OutgoingFrame
from peer.rtp.outbound.stream_clock import StreamClock

MS = Fraction(1, 1000)
TICK = Fraction(1, 48_000)
SOUND = Fraction(20, 1000)


def frame(
    pts: int, base: Fraction = TICK, *, duration: Fraction = SOUND, capture: float = 0.0
) -> OutgoingFrame:
    return OutgoingFrame(
        payloads=(b"x",), pts=pts, time_base=base, duration=duration, capture=capture
    )


def test_ticks_of_the_codec_pass_as_they_are() -> None:
    clock = StreamClock(48_000)
    assert [clock.place(frame(pts)) for pts in (4800, 5760, 7000)] == [4800, 5760, 7000]


def test_first_time_may_be_below_zero() -> None:
    clock = StreamClock(48_000)
    assert [clock.place(frame(pts)) for pts in (-312, 648)] == [-312, 648]


def test_other_time_bases_are_counted_in_ticks_of_the_codec() -> None:
    clock = StreamClock(90_000)
    third = Fraction(1, 30)
    assert [clock.place(frame(pts, third)) for pts in (0, 1, 3)] == [0, 3000, 9000]
    clock = StreamClock(8_000)
    assert [clock.place(frame(pts)) for pts in (0, 960, 1923)] == [0, 160, 321]


def test_rounding_does_not_add_up() -> None:
    clock = StreamClock(90_000)
    base = Fraction(1001, 30_000 * 7)
    times = [clock.place(frame(pts, base)) for pts in range(10_000)]
    assert times == [int(pts * base * 90_000 + Fraction(1, 2)) for pts in range(10_000)]


def test_no_two_frames_have_one_timestamp() -> None:
    clock = StreamClock(8_000)
    base = Fraction(1, 1_000_000)
    assert [clock.place(frame(pts, base)) for pts in (0, 10, 20, 500)] == [0, 1, 2, 4]


def test_next_track_goes_on_when_it_was_captured() -> None:
    clock = StreamClock(48_000)
    clock.place(frame(0, capture=10.0))
    clock.begin_track()
    assert clock.place(frame(7, capture=13.0)) == 3 * 48_000
    assert clock.place(frame(967, capture=99.0)) == 3 * 48_000 + 960


def test_another_rate_goes_on_from_the_last_timestamp() -> None:
    clock = StreamClock(48_000)
    clock.place(frame(480_000, capture=10.0))
    clock.set_rate(8_000)
    assert clock.place(frame(480_960)) == 480_000 + 160
    assert clock.place(frame(481_920)) == 480_000 + 320
    clock.set_rate(48_000)
    assert clock.place(frame(482_880)) == 480_320 + 960


def test_same_rate_changes_nothing() -> None:
    clock = StreamClock(8_000)
    clock.place(frame(965))
    clock.set_rate(8_000)
    assert clock.place(frame(1925)) == 321


def test_present_moment_is_counted_from_the_first_frame() -> None:
    clock = StreamClock(48_000)
    clock.place(frame(4800, capture=10.0))
    assert clock.at(10.5) == 4800 + 24_000
    assert clock.at(11.0) == 4800 + 48_000


def test_present_moment_is_not_before_the_end_of_the_last_frame() -> None:
    clock = StreamClock(48_000)
    clock.place(frame(4800, capture=10.0))
    assert clock.at(10.001) == 4800 + 960


def test_asking_for_the_present_moment_disturbs_no_track() -> None:
    clock = StreamClock(48_000)
    clock.place(frame(0, capture=10.0))
    clock.at(10.5)
    assert clock.place(frame(960, capture=10.7)) == 960


def test_stream_may_begin_without_a_frame() -> None:
    clock = StreamClock(8_000)
    assert clock.at(5.0) == 0
    assert clock.at(6.0) == 8000
    assert clock.place(frame(77, capture=7.0)) == 16_000


@given(
    st.lists(
        st.tuples(
            st.integers(-10_000, 1_000_000),
            st.sampled_from([MS, TICK, Fraction(1, 90_000), Fraction(1, 30)]),
            st.sampled_from([Fraction(0), SOUND]),
            st.floats(0, 3),
            st.sampled_from(["track", "8000", "48000", ""]),
        ),
        min_size=2,
    )
)
def test_timestamps_only_rise(
    frames: list[tuple[int, Fraction, Fraction, float, str]],
) -> None:
    clock, now, times = StreamClock(48_000), 1000.0, []
    for pts, base, duration, passed, change in frames:
        now += passed
        if change == "track":
            clock.begin_track()
        elif change:
            clock.set_rate(int(change))
        times.append(clock.place(frame(pts, base, duration=duration, capture=now)))
    assert all(earlier < later for earlier, later in pairwise(times))
