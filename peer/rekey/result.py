"""How a rekey ended, and which end started it: values that programs get."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RekeyStarter(StrEnum):
    """Who asked for the new keys."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeyResult:
    """What became of a rekey.

    Args:
        changed: Whether both directions of every transport use new keys.
        reason: Why it was done or, where nothing changed, why not; one sentence.
        started_by: Where two requests crossed, the one whose offer was answered.
        duration: Seconds from the request, or from the peer's offer, until it was settled.
    """

    changed: bool
    reason: str
    started_by: RekeyStarter
    duration: float
