"""Defines the values that a program gets about a finished rekey. PURE."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.times import Seconds


class RekeyStarter(StrEnum):
    """The end of the connection that asked for new keys."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class RekeyResult:
    """The outcome of one rekey of all transports of a connection.

    Args:
        changed: Whether both directions of every transport use new keys.
        reason: Why the rekey took place or, where no key changed, why not; one sentence.
        started_by: Where two requests crossed, the end whose offer was answered.
        duration: Seconds from the request, or from the peer's offer, until the outcome was known.
        ice_restarted: Whether ICE restarted in the same exchange, as RFC 8842 section 6 has it.
            Otherwise the path was kept, for `keep_path` or because the peer did not restart.
    """

    changed: bool
    reason: str
    started_by: RekeyStarter
    duration: Seconds
    ice_restarted: bool = False
