from __future__ import annotations

import pytest

from signaling.backoff import Reconnect


def test_delays_double_up_to_the_longest() -> None:
    reconnect = Reconnect(attempts=5, first_delay=1, longest_delay=6)
    assert list(reconnect.delays(lambda: 1.0)) == [1, 2, 4, 6, 6]


def test_jitter_takes_away_at_most_half() -> None:
    reconnect = Reconnect(attempts=3, first_delay=1, longest_delay=6)
    assert list(reconnect.delays(lambda: 0.0)) == [0.5, 1, 2]


@pytest.mark.parametrize(
    "values",
    [
        {"attempts": 0},
        {"first_delay": -1},
        {"first_delay": 2, "longest_delay": 1},
        {"attempt_timeout": 0},
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is"):
        Reconnect(**values)
