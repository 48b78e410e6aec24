"""Exceptions that `signaling` raises, and the error codes of docs/SIGNALING.md.

::

    SignalingError
    ├── MessageError          a frame is not a message of docs/SIGNALING.md
    ├── ChannelClosed         the channel has ended, by this end or by the other
    │   └── ChannelLost       it broke, and could not be restored
    ├── ConnectError          the signalling server cannot be used
    │   ├── InsecureUrlError  a plain `ws:` or `redis:` URL beyond this machine
    │   └── JoinError         the server refused; `code` says why
    ├── NegotiationError      the two peers cannot agree
    └── SipError              SIP: see `signaling.sip.errors`
"""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """Error codes of docs/SIGNALING.md, as they stand in a message."""

    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    UNEXPECTED = "unexpected"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    ROOM_FULL = "room-full"
    SERVER_FULL = "server-full"
    NO_SUCH_PEER = "no-such-peer"
    UNKNOWN_SESSION = "unknown-session"
    REPLACED = "replaced"
    TOO_SLOW = "too-slow"
    TOO_FAST = "too-fast"
    IDLE = "idle"
    UNAVAILABLE = "unavailable"
    BAD_DESCRIPTION = "bad-description"
    BAD_CANDIDATE = "bad-candidate"


class SignalingError(Exception):
    """Base class of every exception that this package raises on purpose."""


class MessageError(SignalingError):
    """A received frame is not a message of docs/SIGNALING.md.

    Attributes:
        code: The error code for the other end.
        reason: One sentence that says what is wrong and where.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class ChannelClosed(SignalingError):  # noqa: N818 - an end, not always an error
    """The channel was closed by either end.

    Attributes:
        reason: One sentence; the one that the other peer gave, where it gave one.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class ChannelLost(ChannelClosed):
    """The channel broke and could not be restored: messages may be missing.

    Attributes:
        code: The error code with which the signalling server ended it; None where it did not, or by
            a code of a later version.
    """

    def __init__(self, reason: str, *, code: ErrorCode | None = None) -> None:
        self.code = code
        super().__init__(reason)


class ConnectError(SignalingError):
    """The signalling server cannot be reached, or does not speak our protocol."""


class InsecureUrlError(ConnectError):
    """A plain `ws:` or `redis:` URL beyond this machine.

    An attacker that can change a description can change the fingerprint in it, and so become the
    peer (RFC 5763 section 8.2).
    """


class JoinError(ConnectError):
    """The signalling server refused to let us into the room.

    Attributes:
        code: The error code that the server sent.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        self.code = code
        super().__init__(f"{code}: {reason}")


class NegotiationError(SignalingError):
    """The two peers cannot agree on a session."""
