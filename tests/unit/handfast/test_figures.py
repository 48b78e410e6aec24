from __future__ import annotations

import pytest

from handfast.figures import count, duration, listed, size


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00"), (7.9, "0:07"), (754, "12:34"), (3723, "1:02:03")]
)
def test_durations_are_formatted_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("octets", "words"),
    [(0, "0 kB"), (999_000, "999 kB"), (3_400_000, "3.4 MB"), (1_204_000_000, "1.20 GB")],
)
def test_sizes_are_formatted_for_people(octets: int, words: str) -> None:
    assert size(octets) == words


def test_counts_have_their_noun() -> None:
    assert [count(1, "gap"), count(2, "gap"), count(2, "man", many="men")] == [
        "1 gap",
        "2 gaps",
        "2 men",
    ]


def test_lists_are_joined_by_and() -> None:
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
