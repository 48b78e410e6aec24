from __future__ import annotations

import threading
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import pytest

from media.sources.delay_bound import DelayBound
from media.sources.errors import UnreadableError
from media.sources.live_clock import LiveClock
from media.sources.live_positions import LivePositions
from media.sources.live_queue import MOST_BYTES, MOST_SECONDS, LivePacket, LiveQueue
from peer.rtp_parameters import MediaKind

AUDIO, VIDEO = MediaKind.AUDIO, MediaKind.VIDEO


def packet(position: float, *, key: bool = True, size: int = 1) -> LivePacket:
    raw = SimpleNamespace(size=size, is_keyframe=key)
    return LivePacket(cast("Any", raw), cast("Any", None), Fraction(position), Fraction(0))


def fill(queue: LiveQueue, kind: MediaKind, *, count: int, gop: int = 1, size: int = 1) -> None:
    for number in range(count):
        queue.put(kind, packet(number, key=number % gop == 0, size=size))


def steady(bound: DelayBound, *, standing: float, begin: float, seconds: float) -> float:
    """A frame each 40 ms; returns the time of the last."""
    now = begin
    while now < begin + seconds:
        bound.note(now, standing)
        now += 0.04
    return now


def test_a_camera_whose_frames_always_wait_longer_than_allowed_is_too_late() -> None:
    bound = DelayBound(1.0)
    now = steady(bound, standing=3.0, begin=0.0, seconds=2.0)
    assert bound.excess(now) == pytest.approx(2.0)
    bound.begin_again()
    assert bound.excess(now) == 0.0


def test_a_camera_within_the_bound_is_left_alone() -> None:
    bound = DelayBound(1.0)
    now = steady(bound, standing=1.05, begin=0.0, seconds=5.0)
    assert bound.excess(now) == 0.0


def test_what_waits_between_segments_is_no_delay_to_save() -> None:
    bound = DelayBound(1.0, gap=6.0)
    for number in range(20):
        # A segment of six seconds comes within half a second, when half a second is left.
        for part in range(10):
            now = number * 6.0 + part * 0.05
            bound.note(now, 0.5 + part * 0.6)
            assert bound.excess(now) == 0.0


def test_segments_that_come_while_much_is_left_are_too_late() -> None:
    bound = DelayBound(1.0, gap=6.0)
    found = []
    for number in range(4):
        for part in range(10):
            now = number * 6.0 + part * 0.05
            bound.note(now, 12.0 + part * 0.6)
            found.append(bound.excess(now))
    assert found[0] == 0.0
    assert found[-1] == pytest.approx(11.0)


def test_memory_of_the_bound_is_of_its_window_only() -> None:
    bound = DelayBound(1.0)
    for number in range(10_000):
        bound.note(number * 0.01, number * 0.0001)
    assert len(bound._least) <= 110  # noqa: SLF001 - nothing else tells


def test_a_late_frame_makes_all_others_as_late_and_time_goes_on() -> None:
    clock = LiveClock()
    assert clock.due(Fraction(10), 100.0) == 100.0
    assert clock.due(Fraction(11), 100.0) == 101.0
    clock.wait(Fraction(11), 104.0)
    assert clock.due(Fraction(12), 104.0) == 105.0
    # Timestamps say that nothing came for three seconds more.
    assert clock.play_time(Fraction(12)) == 5


def test_a_jump_ahead_leaves_no_jump_in_time() -> None:
    clock = LiveClock()
    clock.due(Fraction(0), 100.0)
    clock.go_on(Fraction(20), 102.0)
    assert clock.floor == 20
    assert clock.due(Fraction(20), 102.0) == 102.0
    assert clock.play_time(Fraction(20)) == 2


def test_a_read_after_a_pause_begins_anew() -> None:
    clock = LiveClock()
    assert clock.begin_read(0.0)
    assert not clock.begin_read(0.0)
    clock.end_read(0.5)
    clock.end_read(0.5)
    assert not clock.begin_read(1.0)
    clock.end_read(1.0)
    assert clock.begin_read(2.5)


def test_times_that_begin_anew_go_on_on_the_line_for_both_kinds() -> None:
    places = LivePositions(Fraction(0))
    line: dict[MediaKind, list[Fraction]] = {AUDIO: [], VIDEO: []}
    for lap in range(3):
        for number in range(100):
            # The sound is some packets behind.
            for kind, at in ((VIDEO, number), (AUDIO, number - 5 if number >= 5 else None)):
                if at is not None:
                    time = Fraction(at, 25) + 1000 - lap * 100
                    line[kind].append(time + places.shift(kind, time))
        for number in range(95, 100):
            time = Fraction(number, 25) + 1000 - lap * 100
            line[AUDIO].append(time + places.shift(AUDIO, time))
    for found in line.values():
        assert found == sorted(found)
        assert 11 < found[-1] < 12.5
    assert abs(line[AUDIO][-1] - line[VIDEO][-1]) < Fraction(1, 4)


def test_a_pause_of_the_stream_keeps_its_length() -> None:
    places = LivePositions(Fraction(2))
    assert 5 + places.shift(VIDEO, Fraction(5)) == 2
    assert 12 + places.shift(VIDEO, Fraction(12)) == 9


def test_the_queue_keeps_a_bounded_time_and_goes_on_with_a_key_frame() -> None:
    queue = LiveQueue([VIDEO])
    fill(queue, VIDEO, count=MOST_SECONDS * 3, gop=10)
    first = queue.take(VIDEO)
    assert first is not None
    assert first.after_cut
    assert first.packet.is_keyframe
    assert first.position >= MOST_SECONDS * 3 - 1 - MOST_SECONDS


def test_the_queue_keeps_a_bounded_number_of_bytes() -> None:
    queue = LiveQueue([AUDIO])
    fill(queue, AUDIO, count=40, size=MOST_BYTES // 4)
    first = queue.take(AUDIO)
    assert first is not None
    assert first.position == 36


@pytest.mark.parametrize(("decoded", "position", "first"), [(True, 25, 20), (False, 50, 50)])
def test_the_queue_goes_on_at_a_key_frame(decoded: bool, position: int, first: int) -> None:
    queue = LiveQueue([AUDIO, VIDEO])
    fill(queue, VIDEO, count=55, gop=10)
    fill(queue, AUDIO, count=55)
    assert queue.go_on_at(Fraction(25), decoded=decoded) == position
    picture, sound = queue.take(VIDEO), queue.take(AUDIO)
    assert picture is not None
    assert sound is not None
    assert picture.position == first
    assert sound.position == position
    assert picture.after_cut


def test_the_queue_drops_no_picture_where_no_key_frame_is_near() -> None:
    queue = LiveQueue([VIDEO])
    queue.put(VIDEO, packet(1, key=False))
    assert queue.go_on_at(Fraction(5), decoded=False) == 5
    assert queue.take(VIDEO) is not None


def test_the_end_comes_behind_what_waits() -> None:
    queue = LiveQueue([AUDIO])
    fill(queue, AUDIO, count=1)
    queue.end(UnreadableError("here", why="gone"))
    assert queue.take(AUDIO) is not None
    with pytest.raises(UnreadableError):
        queue.take(AUDIO)
    queue.clear()


def test_whoever_waits_is_woken_by_the_end() -> None:
    queue = LiveQueue([AUDIO])
    found: list[LivePacket | None] = []
    waiting = threading.Thread(target=lambda: found.append(queue.take(AUDIO)), daemon=True)
    waiting.start()
    queue.clear()
    waiting.join(60)
    assert found == [None]
