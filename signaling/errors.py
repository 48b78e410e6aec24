"""Owns every exception that signaling raises.

::

    SignalingError
    ├── MessageError          what was received is not a message of docs/SIGNALING.md
    ├── ChannelClosed         the channel has ended, by this end or by the other
    │   └── ChannelLost       it broke, and could not be restored
    ├── ConnectError          the signalling server cannot be used
    │   ├── InsecureUrlError  a plain `ws:` URL beyond this machine
    │   └── JoinError         the server refused; `code` says why
    └── NegotiationError      the two peers cannot agree
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signaling.messages import ErrorCode


class SignalingError(Exception):
    """The root: `except SignalingError` catches all that this package raises on purpose."""


class MessageError(SignalingError):
    """What was received is not a message.

    Attributes:
        code: What is wrong, as it is said on the wire.
        reason: One sentence that says what and where.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


class ChannelClosed(SignalingError):  # noqa: N818 - an end, not always an error
    """The channel has ended.

    Attributes:
        reason: One sentence; the one that the other peer gave, where it gave one.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class ChannelLost(ChannelClosed):
    """The channel broke and could not be restored: messages may be missing."""


class ConnectError(SignalingError):
    """The signalling server cannot be used."""


class InsecureUrlError(ConnectError):
    """A plain `ws:` URL beyond this machine.

    Whoever can change a description can change the fingerprint in it, and so become the peer
    (RFC 5763 section 8.2).
    """


class JoinError(ConnectError):
    """The server refused to let us into the room.

    Attributes:
        code: Why, as the server said it.
    """

    def __init__(self, code: ErrorCode, reason: str) -> None:
        self.code = code
        super().__init__(f"{code}: {reason}")


class NegotiationError(SignalingError):
    """The two peers cannot agree on a session."""
