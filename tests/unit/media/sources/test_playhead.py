from __future__ import annotations

from fractions import Fraction

from media.sources.playhead import Playhead

S = Fraction(1)


def reading(now: float) -> Playhead:
    playhead = Playhead()
    playhead.begin_read(now)
    return playhead


def test_time_runs_from_the_first_read_on() -> None:
    playhead = reading(100.0)
    assert playhead.due(2 * S) == 102.0
    assert playhead.position(101.5) == Fraction(3, 2)


def test_time_stands_still_while_nobody_reads() -> None:
    playhead = reading(100.0)
    playhead.end_read(101.0)
    assert playhead.position(150.0) == 1
    playhead.begin_read(150.0)
    assert playhead.due(2 * S) == 151.0


def test_a_short_pause_is_none() -> None:
    playhead = reading(100.0)
    playhead.end_read(101.0)
    playhead.begin_read(101.9)
    assert playhead.due(2 * S) == 102.0


def test_time_runs_while_one_of_two_waits() -> None:
    playhead = reading(100.0)
    playhead.begin_read(100.0)
    playhead.end_read(100.0)
    playhead.begin_read(150.0)
    assert playhead.due(60 * S) == 160.0


def test_what_the_disk_took_comes_later() -> None:
    playhead = reading(100.0)
    playhead.wait_for_disk(0.5)
    assert playhead.due(2 * S) == 102.5


def test_a_jump_changes_the_position_and_not_the_play_time() -> None:
    playhead = reading(100.0)
    playhead.jump(30 * S, 103.0)
    assert playhead.due(30 * S) == 103.0
    assert 30 * S + playhead.offset == 3
    assert playhead.position(104.0) == 31


def test_a_jump_before_anything_is_read() -> None:
    playhead = Playhead()
    playhead.jump(30 * S, 5.0)
    playhead.begin_read(9.0)
    assert playhead.due(30 * S) == 9.0
