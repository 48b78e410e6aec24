"""A network that breaks takes thousands of connections at once: each costs as much as the next."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from signaling.messages import Join
from signaling.server.limits import Limits
from signaling.server.rooms import Admitted, Rooms
from tests.support.clock.work import lines_run

if TYPE_CHECKING:
    from collections.abc import Callable


def _names(prefix: str) -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"{prefix}{next(numbers)}"


def _lines_for(members: int) -> int:
    """Count the lines that run when so many members lose their connections and time out."""
    rooms = Rooms(Limits(), new_name=_names("m"), new_secret=_names("s"))
    connections = []
    for number in range(members):
        outcome, _ = rooms.admit(Join(room=f"room {number // 8}", resumable=True))
        assert isinstance(outcome, Admitted)
        connections.append(outcome.connection_id)

    def break_all() -> None:
        for each in connections:
            rooms.disconnect(each, left=False, now=0)
            assert rooms.next_deadline() == Limits().session_lifetime
        rooms.expire(Limits().session_lifetime)

    counted = lines_run(break_all)
    assert rooms.load().away == 0
    return counted


def test_connections_that_break_at_once_cost_the_server_in_proportion_to_their_number() -> None:
    assert _lines_for(800) < 2.5 * _lines_for(400)
