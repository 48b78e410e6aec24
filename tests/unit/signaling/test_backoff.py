from __future__ import annotations

import itertools

import pytest

from signaling.backoff import Reconnect
from signaling.server import Limits


def test_delays_double_up_to_the_longest() -> None:
    delays = Reconnect(first_delay=1, longest_delay=6).delays(lambda: 1.0)
    assert list(itertools.islice(delays, 5)) == [1, 2, 4, 6, 6]


def test_jitter_takes_away_at_most_half() -> None:
    delays = Reconnect(first_delay=1, longest_delay=6).delays(lambda: 0.0)
    assert list(itertools.islice(delays, 3)) == [0.5, 1, 2]


def test_by_default_a_client_tries_longer_than_the_server_keeps_its_place() -> None:
    assert Reconnect().timeout > Limits().session_lifetime


@pytest.mark.parametrize(
    "values",
    [
        {"timeout": 0},
        {"first_delay": -1},
        {"first_delay": 2, "longest_delay": 1},
        {"attempt_timeout": 0},
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is"):
        Reconnect(**values)
