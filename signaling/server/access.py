"""Requests to join a room, and the answers of the program that judges them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from peer.values import dataclass
from signaling.errors import ErrorCode
from signaling.messages import MAX_NAME

if TYPE_CHECKING:
    from peer.times import UnixTime


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """Somebody who asks to join a room, or to return to it; its `repr` shows no secret.

    Args:
        room: Name of the room.
        name: The name that others are to see.
        token: From the `Authorization: Bearer` header, the subprotocol `bearer.TOKEN` or the first
            message, whichever is there; None where there is none.
        returns: Whether a member returns to its session, of which it has shown the secret.
        headers: Headers of the WebSocket's request, with names in lower case.
        cookies: Its cookies.
        query: The parameters of its URL; a token does not belong there, as URLs are logged.
    """

    room: str
    name: str
    token: str | None = field(default=None, repr=False)
    returns: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The rights of somebody who is let in.

    Args:
        name: The name that others see, of at most 64 characters; None for the one asked for.
        expires: Unix time in seconds at which the member is disconnected; None for never.
        record: May ask the server to record the room, where `handfast serve` does that.

    Raises:
        ValueError: The name is longer.
    """

    name: str | None = None
    expires: UnixTime | None = None
    record: bool = False

    def __post_init__(self) -> None:
        if self.name is not None and len(self.name) > MAX_NAME:
            raise ValueError(f"a name has at most {MAX_NAME} characters")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is refused.

    Args:
        reason: Why, in one sentence, which the other end is told.
        code: `UNAUTHORIZED` where a token is missing, malformed or out of date, else `FORBIDDEN`.
    """

    reason: str
    code: ErrorCode = ErrorCode.FORBIDDEN


#: Asked for each join and each return, before anything else of that end is read.
Authorize: TypeAlias = Callable[[JoinRequest], Awaitable[Rights | Refusal]]


async def everybody(_: JoinRequest) -> Rights | Refusal:
    """Let everybody in, under the name asked for, with every right."""
    return Rights(record=True)
