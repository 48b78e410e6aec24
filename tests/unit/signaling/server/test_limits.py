from __future__ import annotations

import pytest

from signaling.server import Limits


@pytest.mark.parametrize("name", ["rooms", "members", "message_size", "burst", "join_timeout"])
def test_a_bound_is_more_than_nothing(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


def test_a_member_is_pinged_before_it_is_idle() -> None:
    with pytest.raises(ValueError, match="ping_interval"):
        Limits(ping_interval=2, idle_timeout=2)


def test_a_room_is_no_crowd() -> None:
    with pytest.raises(ValueError, match="members_per_room"):
        Limits(members_per_room=65)
