"""Lists of the last few items: a list that is empty takes 56 bytes, a deque 760."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def append_last(items: list[T], item: T, *, most: int) -> None:
    """Append an item, and drop the oldest where there are more than `most`, which is at least 1."""
    items.append(item)
    del items[:-most]
