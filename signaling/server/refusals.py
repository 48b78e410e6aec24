"""Errors that either backplane tells members whom it refuses or disconnects. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signaling.errors import ErrorCode
from signaling.messages import Error

if TYPE_CHECKING:
    from signaling.server.limits import Limits

#: For the connection of a session that has gone on over another one.
RESUMED_ELSEWHERE: Final = Error(
    code=ErrorCode.REPLACED, reason="the session was resumed over another connection"
)
#: For a member whose right was given until now.
RIGHT_RAN_OUT: Final = Error(
    code=ErrorCode.UNAUTHORIZED, reason="the right to be in this room has run out"
)


def room_full(limits: Limits) -> Error:
    """Create the error of a join to a room that takes nobody more."""
    reason = f"a room has at most {limits.members_per_room} members"
    return Error(code=ErrorCode.ROOM_FULL, reason=reason)


def members_full(limits: Limits) -> Error:
    """Create the error of a join to a server that takes no member more."""
    reason = f"this server has at most {limits.members} members"
    return Error(code=ErrorCode.SERVER_FULL, reason=reason)


def rooms_full(limits: Limits) -> Error:
    """Create the error of a join to a server that takes no room more."""
    reason = f"this server has at most {limits.rooms} rooms"
    return Error(code=ErrorCode.SERVER_FULL, reason=reason)


def no_such_peer(to: str | None) -> Error:
    """Create the error of a message that nobody gets; `to` is None where it was for everybody."""
    reason = "nobody else is here" if to is None else f"no peer {to!r} here"
    return Error(code=ErrorCode.NO_SUCH_PEER, reason=reason)
