"""Frames of a member, judged before they concern anybody else. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, assert_never

from peer.values import dataclass
from signaling.errors import ErrorCode, MessageError
from signaling.messages import (
    Ack,
    Bye,
    Candidate,
    Description,
    Error,
    Invite,
    Join,
    Joined,
    Message,
    PeerJoined,
    PeerLeft,
    PhraseMessage,
    Ping,
    Pong,
    ProgramNote,
    Relayed,
    Resume,
    Resumed,
    decode,
)

if TYPE_CHECKING:
    from signaling.server.limits import Limits


@dataclass(frozen=True, slots=True)
class Fault:
    """A frame that is no message, or one that a member does not send there.

    Args:
        error: What the member is told.
        counted: Whether the frame is a message of the session, which both ends count.
    """

    error: Error
    counted: bool = True


LaterFrame: TypeAlias = Relayed | Ack | Pong | Fault


def read_first(frame: str | bytes, limits: Limits) -> Join | Resume | Fault:
    """Read the first frame of a connection."""
    try:
        message = decode(frame, limit=limits.first_message_size)
    except MessageError as error:
        return Fault(Error(code=error.code, reason=error.reason))
    if isinstance(message, Join | Resume):
        return message
    reason = "the first message is a join or a resume"
    return Fault(Error(code=ErrorCode.UNEXPECTED, reason=reason))


def read_later(frame: str | bytes, limits: Limits) -> LaterFrame:
    """Read a later frame of a connection."""
    try:
        message = decode(frame, limit=limits.message_size)
    except MessageError as error:
        return Fault(Error(code=error.code, reason=error.reason))
    match message:
        case Description() | Invite() | Candidate() | PhraseMessage():
            return message
        case Bye() | ProgramNote() | Error():
            return message
        case Ack() | Pong():
            return message
        case PeerJoined() | PeerLeft():
            return _unexpected(message, counted=True)
        case Join() | Resume() | Joined() | Resumed() | Ping():
            return _unexpected(message, counted=False)
        case _:
            assert_never(message)


def wrong_ack() -> Fault:
    """Create the fault of an `Ack` of what was never sent."""
    error = Error(code=ErrorCode.UNEXPECTED, reason="an ack of what was not sent")
    return Fault(error, counted=False)


def _unexpected(message: Message, *, counted: bool) -> Fault:
    reason = f"a member does not send {message.__struct_config__.tag!r} here"
    return Fault(Error(code=ErrorCode.UNEXPECTED, reason=reason), counted=counted)
