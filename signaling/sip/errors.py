"""Exceptions that SIP raises: mistakes of the program, of the other end, and of the path.

::

    SignalingError
    └── SipError
        ├── SipUsageError           the program asks for what cannot be
        ├── SipMessageError         what came is no SIP message; `status` refuses it
        ├── SipAuthenticationError  a challenge that cannot be answered, or not safely
        └── SipTransportError       the server cannot be reached, or the connection is lost
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signaling.errors import SignalingError

if TYPE_CHECKING:
    from sipmessage import Request


class SipError(SignalingError):
    """Base class of the errors of SIP."""


class SipUsageError(SipError):
    """The program asks SIP for something that cannot be; nothing was sent."""


class SipMessageError(SipError):
    """Octets that came are no SIP message, or one that breaks RFC 3261.

    Attributes:
        reason: One sentence that says what is wrong and where.
        status: Status code that refuses such a request: 400, 413, 505 or 513.
        request: The request, where it can be answered: its method and the headers that an answer
            repeats are there. Its URI and its other headers may be wrong. None for a response.
    """

    def __init__(self, reason: str, *, status: int = 400, request: Request | None = None) -> None:
        self.reason = reason
        self.status = status
        self.request = request
        super().__init__(reason)


class SipAuthenticationError(SipError):
    """A challenge that cannot be answered, or only less safely than before."""


class SipTransportError(SipError):
    """The SIP server cannot be reached, or the connection to it is lost."""
