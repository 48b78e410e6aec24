"""RTP timestamps keep a track's distances, and rise through changes of track and codec."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from peer.rtp.encoding import OutgoingFrame
from peer.rtp.outbound.timestamps import RtpTimestampGenerator, SendTimeline
from tests.support.clock.clock import Clock

MS = Fraction(1, 1000)
TICK = Fraction(1, 48_000)
SOUND = Fraction(20, 1000)
NOTHING = Fraction(0)


def frame(
    pts: int, base: Fraction = TICK, *, duration: Fraction = SOUND, capture_monotonic: float = 0.0
) -> OutgoingFrame:
    return OutgoingFrame(
        payloads=(b"x",),
        pts=pts,
        time_base=base,
        duration=duration,
        capture_monotonic=capture_monotonic,
    )


def test_timestamps_in_ticks_of_the_codec_are_kept() -> None:
    clock = RtpTimestampGenerator(48_000)
    assert [clock.place(frame(pts)) for pts in (4800, 5760, 7000)] == [4800, 5760, 7000]


def test_first_timestamp_may_be_below_zero() -> None:
    clock = RtpTimestampGenerator(48_000)
    assert [clock.place(frame(pts)) for pts in (-312, 648)] == [-312, 648]


def test_timestamps_are_converted_from_other_time_bases() -> None:
    clock = RtpTimestampGenerator(90_000)
    third = Fraction(1, 30)
    assert [clock.place(frame(pts, third)) for pts in (0, 1, 3)] == [0, 3000, 9000]
    clock = RtpTimestampGenerator(8_000)
    assert [clock.place(frame(pts)) for pts in (0, 960, 1923)] == [0, 160, 321]


def test_timestamp_rounding_does_not_accumulate() -> None:
    clock = RtpTimestampGenerator(90_000)
    base = Fraction(1001, 30_000 * 7)
    times = [clock.place(frame(pts, base)) for pts in range(10_000)]
    assert times == [int(pts * base * 90_000 + Fraction(1, 2)) for pts in range(10_000)]


def test_no_two_frames_share_a_timestamp() -> None:
    clock = RtpTimestampGenerator(8_000)
    base = Fraction(1, 1_000_000)
    assert [clock.place(frame(pts, base)) for pts in (0, 10, 20, 500)] == [0, 1, 2, 4]


def test_timestamps_of_the_next_track_follow_its_capture() -> None:
    clock = RtpTimestampGenerator(48_000)
    clock.place(frame(0, capture_monotonic=10.0))
    clock.begin_track()
    assert clock.place(frame(7, capture_monotonic=13.0)) == 3 * 48_000
    assert clock.place(frame(967, capture_monotonic=99.0)) == 3 * 48_000 + 960


def test_other_clock_rate_continues_from_the_last_timestamp() -> None:
    clock = RtpTimestampGenerator(48_000)
    clock.place(frame(480_000, capture_monotonic=10.0))
    clock.set_clock_rate(8_000)
    assert clock.place(frame(480_960)) == 480_000 + 160
    assert clock.place(frame(481_920)) == 480_000 + 320
    clock.set_clock_rate(48_000)
    assert clock.place(frame(482_880)) == 480_320 + 960


def test_same_clock_rate_changes_no_timestamp() -> None:
    clock = RtpTimestampGenerator(8_000)
    clock.place(frame(965))
    clock.set_clock_rate(8_000)
    assert clock.place(frame(1925)) == 321


def test_present_timestamp_counts_from_the_first_frame() -> None:
    clock = RtpTimestampGenerator(48_000)
    clock.place(frame(4800, capture_monotonic=10.0))
    assert clock.at(10.5) == 4800 + 24_000
    assert clock.at(11.0) == 4800 + 48_000


def test_present_timestamp_is_not_before_the_end_of_the_last_frame() -> None:
    clock = RtpTimestampGenerator(48_000)
    clock.place(frame(4800, capture_monotonic=10.0))
    assert clock.at(10.001) == 4800 + 960


def test_present_timestamp_disturbs_no_track() -> None:
    clock = RtpTimestampGenerator(48_000)
    clock.place(frame(0, capture_monotonic=10.0))
    clock.at(10.5)
    assert clock.place(frame(960, capture_monotonic=10.7)) == 960


def test_timestamps_may_begin_without_a_frame() -> None:
    clock = RtpTimestampGenerator(8_000)
    assert clock.at(5.0) == 0
    assert clock.at(6.0) == 8000
    assert clock.place(frame(77, capture_monotonic=7.0)) == 16_000


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
def test_rtp_timestamps_only_rise(
    frames: list[tuple[int, Fraction, Fraction, float, str]],
) -> None:
    clock, now, times = RtpTimestampGenerator(48_000), 1000.0, []
    for pts, base, duration, passed, change in frames:
        now += passed
        if change == "track":
            clock.begin_track()
        elif change:
            clock.set_clock_rate(int(change))
        times.append(clock.place(frame(pts, base, duration=duration, capture_monotonic=now)))
    assert all(earlier < later for earlier, later in pairwise(times))


def test_timeline_keeps_times_of_the_first_track() -> None:
    timeline = SendTimeline(Clock())
    assert [timeline.place(pts, time_base=MS, duration=SOUND) for pts in (500, 520, 560)] == [
        (500, MS),
        (520, MS),
        (560, MS),
    ]


def test_timeline_places_the_next_track_at_the_present_time() -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    timeline.place(500, time_base=MS, duration=SOUND)
    clock.advance(3.0)
    timeline.begin_track()
    assert timeline.place(7, time_base=MS, duration=SOUND) == (3500, MS)
    assert timeline.place(27, time_base=MS, duration=SOUND) == (3520, MS)


def test_timeline_places_the_next_track_after_the_one_before() -> None:
    timeline = SendTimeline(Clock())
    timeline.place(0, time_base=MS, duration=SOUND)
    timeline.place(900, time_base=MS, duration=SOUND)
    timeline.begin_track()
    assert timeline.place(0, time_base=MS, duration=SOUND) == (920, MS)


def test_timeline_continues_a_track_that_starts_over() -> None:
    timeline = SendTimeline(Clock())
    timeline.place(900, time_base=MS, duration=SOUND)
    assert timeline.place(0, time_base=MS, duration=SOUND) == (920, MS)
    assert timeline.place(20, time_base=MS, duration=SOUND) == (940, MS)


def test_timeline_converts_another_time_base() -> None:
    timeline = SendTimeline(Clock())
    timeline.place(900, time_base=MS, duration=SOUND)
    timeline.begin_track()
    base = Fraction(1, 48_000)
    assert timeline.place(0, time_base=base, duration=SOUND) == (920 * 48, base)


def test_timeline_gives_video_without_times_the_clock() -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    timeline.place(None, time_base=None, duration=NOTHING)
    clock.advance(0.5)
    assert timeline.place(None, time_base=None, duration=NOTHING) == (45_000, Fraction(1, 90_000))


def test_timeline_counts_samples_of_audio_without_times() -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    timeline.place(None, time_base=MS, duration=SOUND)
    clock.advance(0.035)
    assert timeline.place(None, time_base=MS, duration=SOUND) == (20, MS)


def test_timeline_notices_a_pause_of_audio_without_times() -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    timeline.place(None, time_base=MS, duration=SOUND)
    clock.advance(5.0)
    assert timeline.place(None, time_base=MS, duration=SOUND) == (5000, MS)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**40), 2**40)),
            st.sampled_from([None, MS, Fraction(1, 90_000), Fraction(1, 48_000)]),
            st.sampled_from([NOTHING, SOUND]),
            st.booleans(),
            st.floats(0, 10),
        )
    )
)
def test_timeline_always_rises(
    frames: list[tuple[int | None, Fraction | None, Fraction, bool, float]],
) -> None:
    clock = Clock()
    timeline = SendTimeline(clock)
    times = []
    for pts, base, duration, switch, wait in frames:
        if switch:
            timeline.begin_track()
        clock.advance(wait)
        ticks, unit = timeline.place(pts, time_base=base, duration=duration)
        times.append(ticks * unit)
    assert all(later > earlier for earlier, later in pairwise(times))


def relayed(pts: int, *, keyframe: bool = False, at: float = 0.0) -> OutgoingFrame:
    return replace(
        frame(pts, Fraction(1, 90_000), duration=NOTHING, capture_monotonic=at),
        keyframe=keyframe,
        encoded=False,
    )


def test_relayed_b_frames_keep_their_times() -> None:
    clock = RtpTimestampGenerator(90_000)
    order = [0, 3, 1, 2, 6, 4, 5, 10, 8, 7, 9]
    times = [
        clock.place(relayed(5_000 + 3000 * number, keyframe=number == 0, at=index / 30))
        for index, number in enumerate(order)
    ]
    assert times == [5_000 + 3000 * number for number in order]


def test_relayed_track_that_goes_back_far_or_at_a_key_frame_goes_on_later() -> None:
    for behind, keyframe in ((90_001, False), (3_000, True)):
        clock = RtpTimestampGenerator(90_000)
        clock.place(relayed(500_000, keyframe=True))
        assert clock.place(relayed(500_000 - behind, keyframe=keyframe, at=0.1)) == 509_000


def test_frames_of_our_encoders_never_go_back() -> None:
    clock = RtpTimestampGenerator(90_000)
    clock.place(relayed(500_000, keyframe=True))
    backwards = replace(relayed(497_000, at=0.1), encoded=True)
    assert clock.place(backwards) == 509_000
