"""Address of a room in one word, as the commands take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from handfast.demo.server import ROOM as DEMO_ROOM
from handfast.demo.site import SIGNALING_PATH

_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
#: Most characters of a room's name (docs/SIGNALING.md).
_LONGEST: Final = 128


class AddressError(ValueError):
    """A text is no address of a room; the message is one sentence for its author."""


@dataclass(frozen=True, slots=True)
class RoomAddress:
    """Address of a room: the signalling server, and the room's name.

    Args:
        url: Address of the server's WebSocket.
        room: Name of the room.
    """

    url: str
    room: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `wss://host/path#room`, or the address of a demo's page.

        Raises:
            AddressError: The text is neither.
        """
        try:
            parts = urlsplit(text)
            host = parts.hostname
        except ValueError as error:
            raise AddressError(f"{text!r} is no URL: {error}.") from error
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None or not host:
            raise AddressError(f"A room's address is wss://host/path#room, not {text!r}.")
        room, path = unquote(parts.fragment), parts.path
        if parts.scheme.startswith("http"):
            room, path = room or DEMO_ROOM, path.rstrip("/") + SIGNALING_PATH
        if not 0 < len(room) <= _LONGEST:
            raise AddressError(
                f"{text!r} names no room: put its name, of at most {_LONGEST} characters, "
                "behind a #."
            )
        return cls(urlunsplit((scheme, parts.netloc, path, parts.query, "")), room)
