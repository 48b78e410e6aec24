"""Values that the transaction layer hands out: messages to send, and what it tells its user."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, TypeAlias

from peer.values import dataclass

if TYPE_CHECKING:
    from sipmessage import Request, Response

    from signaling.sip.transactions.keys import ClientKey, ServerKey

#: Way by which a request came, as the shell names it: its response takes the same way back. None is
#: the transport that the user agent has registered over.
Flow: TypeAlias = Hashable


@dataclass(frozen=True, slots=True)
class SendMessage:
    """A SIP message that is to be sent now.

    Attributes:
        message: The request or response, complete with Via.
        flow: Way to send it by; None for the transport of the user agent.
    """

    message: Request | Response
    flow: Flow | None = None


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A request that begins a server transaction; it waits for `TransactionLayer.respond`."""

    key: ServerKey
    request: Request
    flow: Flow | None


@dataclass(frozen=True, slots=True)
class AckReceived:
    """An ACK that no transaction absorbs: it acknowledges a 2xx."""

    request: Request
    flow: Flow | None


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response to a request of ours; a 2xx to INVITE comes once for each time that it arrives."""

    key: ClientKey
    request: Request
    response: Response


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """A request of ours that nobody answered, or that could not be sent.

    Attributes:
        timed_out: The other end was silent for 64*T1; otherwise the transport failed. RFC 3261
            section 8.1.3.1 treats them as responses 408 and 503.
    """

    key: ClientKey
    request: Request
    timed_out: bool


@dataclass(frozen=True, slots=True)
class ResponseFailed:
    """A response of ours that could not be sent, or whose ACK did not come within 64*T1."""

    key: ServerKey
    request: Request
    timed_out: bool


TransactionOutput: TypeAlias = (
    SendMessage | RequestReceived | AckReceived | ResponseReceived | RequestFailed | ResponseFailed
)
