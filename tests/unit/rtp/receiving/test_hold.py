"""How long a missing packet is waited for."""

from __future__ import annotations

import pytest

from peer.rtp.receiving.hold import STANDS, Hold
from peer.rtp.receiving.stream import (
    PICTURE_HOLD,
    REPAIRED_PICTURE_HOLD,
    REPAIRED_SOUND_HOLD,
    SOUND_HOLD,
)


def test_it_is_the_least_where_nothing_comes_late() -> None:
    assert Hold(0.05, 1.0).value(100.0) == 0.05


def test_it_grows_at_once_beyond_the_lateness_seen() -> None:
    hold = Hold(0.05, 1.0)
    hold.learn(0.2, 100.0)
    assert 0.2 < hold.value(100.0) < 0.4


def test_it_never_exceeds_the_most() -> None:
    hold = Hold(0.05, 1.0)
    hold.learn(30.0, 100.0)
    assert hold.value(100.0) == 1.0


def test_less_lateness_does_not_shorten_it() -> None:
    hold = Hold(0.05, 1.0)
    hold.learn(0.4, 100.0)
    before = hold.value(100.0)
    hold.learn(0.1, 100.1)
    assert hold.value(100.1) == before


def test_it_stands_for_a_while() -> None:
    hold = Hold(0.05, 1.0)
    hold.learn(0.4, 100.0)
    assert hold.value(100.0 + STANDS) == hold.value(100.0)


@pytest.mark.parametrize(
    "bounds", [SOUND_HOLD, PICTURE_HOLD, REPAIRED_SOUND_HOLD, REPAIRED_PICTURE_HOLD]
)
def test_it_is_back_within_a_fifth_after_ten_seconds(bounds: tuple[float, float]) -> None:
    hold = Hold(*bounds)
    hold.learn(30.0, 100.0)
    assert hold.value(110.0) <= bounds[0] * 1.2
