"""Events of a SIP transport: messages that came, and the loss and return of its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Hashable

    from sipmessage import Request, Response

    from signaling.sip.errors import SipMessageError


@dataclass(frozen=True, slots=True)
class SipMessageReceived:
    """A SIP message that came.

    Attributes:
        message: The request or response.
        flow: Way back for its response, for `SipTransport.send`; None is the server's.
    """

    message: Request | Response
    flow: Hashable


@dataclass(frozen=True, slots=True)
class SipMessageRefused:
    """Octets that came and are no SIP message.

    Attributes:
        error: The reason, the status code and the request that can be answered, if there is one.
        flow: Way back for a response.
    """

    error: SipMessageError
    flow: Hashable


@dataclass(frozen=True, slots=True)
class SipTransportLost:
    """The connection to the server is gone; the transport tries to open another one.

    Attributes:
        reason: One sentence.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class SipTransportRestored:
    """A new connection to the server stands: `via` and `contact` may be others, so register anew.

    Attributes:
        seconds: Time for which there was none.
    """

    seconds: float


SipTransportEvent: TypeAlias = (
    SipMessageReceived | SipMessageRefused | SipTransportLost | SipTransportRestored
)
