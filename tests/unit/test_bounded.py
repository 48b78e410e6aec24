from __future__ import annotations

from peer.bounded import append_last


def test_append_last_keeps_the_newest_items() -> None:
    items: list[int] = []
    for item in range(5):
        append_last(items, item, most=2)
        assert len(items) <= 2
    assert items == [3, 4]
