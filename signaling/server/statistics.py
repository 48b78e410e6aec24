"""Numbers of a room server since it started, and of the present."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import field
from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from signaling.errors import ErrorCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Rooms, members and waiting messages of a room server at present.

    Args:
        rooms: Rooms with members.
        connected: Members with a connection.
        away: Members whose connection broke, and whose place is kept; None where places are shared,
            and of no single server.
        backlog: Messages that wait for all of them together.
    """

    rooms: int
    connected: int
    away: int | None
    backlog: int


@dataclasses.dataclass(slots=True)
class Statistics:
    """Joins, refusals and messages of a room server since it started.

    Args:
        joins: Members that were let in.
        resumes: Returns to a session that were let in.
        refusals: Ends that were not, by the code that they were told.
        refused_pages: WebSockets of pages that may not connect, by their Origin or Host.
        disconnects: Members that were disconnected later, by the code that they were told.
        messages: Messages that were passed on, each counted once.
        octets: Their octets, counted for each who receives them.
    """

    joins: int = 0
    resumes: int = 0
    refusals: Counter[ErrorCode] = field(default_factory=Counter)
    refused_pages: int = 0
    disconnects: Counter[ErrorCode] = field(default_factory=Counter)
    messages: int = 0
    octets: int = 0
