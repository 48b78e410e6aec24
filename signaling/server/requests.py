"""Reads what a WebSocket's request says of its sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signaling.messages import Resume
from signaling.server.access import JoinRequest

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from signaling.messages import Join
    from signaling.server.rooms import Seat

#: The subprotocol of docs/SIGNALING.md (RFC 6455 section 1.9), and what precedes a token in another
#: one: a browser's WebSocket has no headers of its own.
SUBPROTOCOL: Final = "handfast"
_TOKEN_PREFIX: Final = "bearer."
_SCHEME: Final = "bearer "


def chosen_subprotocol(websocket: WebSocket) -> str | None:
    """Return the subprotocol to answer with; None where the client did not offer ours."""
    return SUBPROTOCOL if SUBPROTOCOL in _offered(websocket) else None


def join_request(websocket: WebSocket, message: Join | Resume, seat: Seat) -> JoinRequest:
    """Create the request that `authorize` judges.

    Args:
        websocket: The WebSocket.
        message: Its first message.
        seat: The room and name that the message is about.
    """
    return JoinRequest(
        room=seat.room,
        name=seat.name,
        token=_token(websocket) if message.token is None else message.token,
        returns=isinstance(message, Resume),
        headers=dict(websocket.headers),
        cookies=websocket.cookies,
        query=dict(websocket.query_params),
    )


def _token(websocket: WebSocket) -> str | None:
    header = websocket.headers.get("authorization", "")
    if header[: len(_SCHEME)].lower() == _SCHEME:
        return header[len(_SCHEME) :].strip()
    for offered in _offered(websocket):
        if offered.startswith(_TOKEN_PREFIX):
            return offered.removeprefix(_TOKEN_PREFIX)
    return None


def _offered(websocket: WebSocket) -> list[str]:
    offered: list[str] = websocket.scope.get("subprotocols", [])
    return offered
