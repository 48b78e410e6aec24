"""Frames of one WebSocket without the queue and the task of ASGI, where its server offers that.

It is an ASGI extension: what does not offer it is served by ASGI's own events, and closes and
disconnects always are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.websockets import WebSocket

#: Key of the extension in the connection's scope (ours; ASGI specification, "Extensions").
EXTENSION: Final = "handfast.frames"


class DirectFrames(Protocol):
    """The frames of one open WebSocket, read and written in the turn in which they are there."""

    @property
    def writable(self) -> bool:
        """False while what was written waits for its reader, and once the WebSocket is closed."""

    def divert(self, on_frame: Callable[[str | bytes | None], None]) -> None:
        """Hand over each message from now on, those first that wait for ASGI's `receive`.

        Args:
            on_frame: Takes each, and None for each frame that is no message by itself, but costs
                as much to read: part of one, a ping or a pong.
        """

    def hold(self) -> None:
        """Hand nothing over, and read nothing, until `go_on`."""

    def go_on(self) -> None:
        """Hand over what waits, and read again."""

    def write(self, text: str) -> None:
        """Send a text frame; to be called while `writable`."""


def direct_frames(websocket: WebSocket) -> DirectFrames | None:
    """Return the direct frames of a WebSocket; None where its server has no such thing."""
    extensions = websocket.scope.get("extensions") or {}
    return cast("DirectFrames | None", extensions.get(EXTENSION))
