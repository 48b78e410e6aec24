"""Exceptions that SIP raises: mistakes of the program, of the other end, and of the path.

::

    SignalingError
    └── SipError
        ├── SipUsageError           the program asks for what cannot be
        ├── SipMessageError         what came is no SIP message; `status` refuses it
        ├── SipAuthenticationError  a challenge that cannot be answered, or not safely
        ├── SipTransportError       the server cannot be reached, or the connection is lost
        ├── RegistrationRefused     the registrar does not take the registration
        └── CallFailed              an invitation became no call, or a call broke
            ├── CallRejected        the other end refused; `status` and `reason` say how
            ├── CallTimedOut        nobody answered in time
            └── CallChangeRefused   the other end refused a change of a call that goes on
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


class RegistrationRefused(SipError):  # noqa: N818 - as the field says it
    """The registrar does not take the registration.

    Attributes:
        status: Status code of its answer; 408 where there was none.
        reason: Reason phrase.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"the registrar refused: {status} {reason}")


class CallFailed(SipError):  # noqa: N818 - as the field says it
    """An invitation became no call, or a call broke."""


class CallRejected(CallFailed):
    """The other end refused the call.

    Attributes:
        status: Status code, such as 486 (busy) or 603 (declined).
        reason: Reason phrase, in the words of the other end.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"the call was refused: {status} {reason}")


class CallTimedOut(CallFailed):
    """Nobody answered the call in time."""


class CallChangeRefused(CallFailed):
    """The other end refused a change of a call, such as a hold: the call goes on as it was.

    Attributes:
        status: Status code of its answer; 0 where the call ended meanwhile.
        reason: Reason phrase.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"the change was refused: {status} {reason}")
