"""Address of a room in one word, as the commands take it."""

from __future__ import annotations

from typing import Final, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from handfast.demo.server import ROOM as DEMO_ROOM
from handfast.demo.site import SIGNALING_PATH
from peer.values import dataclass

#: Environment variable for what other users of the machine may not read.
TOKEN_VARIABLE: Final = "HANDFAST_TOKEN"
#: What stands before the name of a room in the address of its page.
_PAGES: Final = "/room/"
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
        """Parse `wss://host/path#room`, or the address of a room's page or of a demo's.

        Raises:
            AddressError: The text is none of them, or has a token in it.
        """
        try:
            parts = urlsplit(text)
            host = parts.hostname
        except ValueError as error:
            raise AddressError(f"{text!r} is no URL: {error}.") from error
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None or not host:
            raise AddressError(
                f"A room's address is that of its page, https://host/room/NAME, or "
                f"wss://host/path#NAME, not {text!r}."
            )
        if parts.fragment.startswith("token="):
            # As the link of a page has it, `/room/NAME#token=...`.
            raise AddressError(
                f"Others can read options: the token is for {TOKEN_VARIABLE}, not the address."
            )
        room, path = unquote(parts.fragment), parts.path
        if parts.scheme.startswith("http"):
            before, is_page, name = path.rstrip("/").rpartition(_PAGES)
            if is_page and "/" not in name:
                room, path = unquote(name), before + SIGNALING_PATH
            else:
                room, path = room or DEMO_ROOM, path.rstrip("/") + SIGNALING_PATH
        if not 0 < len(room) <= _LONGEST:
            raise AddressError(
                f"{text!r} names no room: put its name, of at most {_LONGEST} characters, "
                "behind a #."
            )
        return cls(urlunsplit((scheme, parts.netloc, path, parts.query, "")), room)
