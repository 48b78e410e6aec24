"""Seats of the server's own recorders, in rooms that ask for tokens as well."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Final

from signaling.server.access import Rights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signaling.server.access import Authorize, JoinRequest, Refusal

#: The name under which everybody in the room sees that it is recorded.
RECORDER_NAME: Final = "Recorder"


class RecorderSeats:
    """Lets the server's own recorders into their rooms; an `authorize` before another one.

    Args:
        authorize: Judges everybody else.
    """

    def __init__(self, authorize: Authorize) -> None:
        self._authorize = authorize
        self._rooms: dict[str, str] = {}

    async def __call__(self, request: JoinRequest) -> Rights | Refusal:
        """Judge one who asks to join."""
        if request.token is not None and self._rooms.get(request.token) == request.room:
            return Rights(name=RECORDER_NAME)
        return await self._authorize(request)

    @contextlib.contextmanager
    def seat_in(self, room: str) -> Iterator[str]:
        """Make a token, which is good for one room until the context ends, and leaves no process.

        Args:
            room: Name of the room.
        """
        token = secrets.token_urlsafe(32)
        self._rooms[token] = room
        try:
            yield token
        finally:
            del self._rooms[token]
