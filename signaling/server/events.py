"""Log of a room server: who came, who was refused and who is gone, a few lines for each connection.

A record says it as text, and has `event` and `facts` for formatters that write fields. No token,
session, identity secret or description is among them.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Final, TypeAlias

from peer.printable import printable

_logger = logging.getLogger("signaling.server")

#: Most characters of one fact (ours): a Host header may be 64 KiB.
_LONGEST: Final = 256

Fact: TypeAlias = str | int | float | None


class ServerEvent(StrEnum):
    """Events of a room server, as they stand in its log."""

    PAGE_REFUSED = "page refused"
    REFUSED = "refused"
    JOINED = "joined"
    RETURNED = "returned"
    ENDED = "ended"
    NOT_JUDGED = "not judged"
    REDIS_AWAY = "redis away"
    REDIS_ANSWERS = "redis answers"


_WARNINGS: Final = frozenset(
    {ServerEvent.PAGE_REFUSED, ServerEvent.NOT_JUDGED, ServerEvent.REDIS_AWAY}
)


def tell(event: ServerEvent, *, fault: bool = False, **facts: Fact) -> None:
    """Write one event to the log.

    Args:
        event: Its kind.
        fault: Add the exception that is being handled.
        facts: What is known of it, by name; those that are None are left out.
    """
    level = logging.WARNING if event in _WARNINGS else logging.INFO
    if not _logger.isEnabledFor(level):
        return
    shown = {
        name: printable(fact[:_LONGEST]) if isinstance(fact, str) else fact
        for name, fact in facts.items()
        if fact is not None
    }
    words = " ".join(f"{name}={fact!r}" for name, fact in shown.items())
    extra = {"event": event.value, "facts": shown}
    _logger.log(level, "%s: %s", event.value, words, extra=extra, exc_info=fault)
