"""Events of a SIP call: what the other end did, in values.

The user agent's core tells them with the session that they belong to; the shell acts on them by the
session's commands.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from peer.values import dataclass

if TYPE_CHECKING:
    from sipmessage import Request, Response

    from peer.times import Seconds


class EndCause(Enum):
    """Cause of the end of a SIP call."""

    #: This end has hung up, cancelled, or refused.
    LOCAL = auto()
    #: The other end has said BYE.
    REMOTE = auto()
    #: The caller has cancelled its INVITE before it was answered.
    CANCELLED = auto()
    #: The INVITE got a final response other than 2xx.
    REFUSED = auto()
    #: Another fork of the INVITE was kept.
    OTHER_FORK = auto()
    #: Nothing came when something had to: an ACK, a PRACK, a response, a refresh.
    TIMED_OUT = auto()
    #: The other end broke the rules of offers and answers, or does not know the call any more.
    FAILED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """A provisional response to an INVITE of ours came.

    Attributes:
        status: Status code, 101 to 199.
        reason: Reason phrase.
        response: The response, for headers such as `Alert-Info`.
    """

    status: int
    reason: str
    response: Response


@dataclass(frozen=True, slots=True)
class OfferReceived:
    """An offer came in: in an INVITE, a 2xx, a reliable 1xx, a PRACK or an UPDATE.

    `InviteSession.answer` answers it, in whatever message its answer belongs to; an offer of the
    first INVITE may also be answered by `progress` and `accept`.

    Attributes:
        sdp: The offer.
        request: The request that holds it, and may have signed it; None where a response does.
    """

    sdp: str
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class AnswerReceived:
    """The answer to an offer of ours came."""

    sdp: str


@dataclass(frozen=True, slots=True)
class PreviewReceived:
    """A preview of the answer came in an unreliable 1xx: the 2xx repeats it, or has another one."""

    sdp: str


@dataclass(frozen=True, slots=True)
class OfferWanted:
    """A re-INVITE without a description asks for an offer: `InviteSession.offer` gives it."""


@dataclass(frozen=True, slots=True)
class OfferWithdrawn:
    """The offer that came is void: its request was cancelled, or nobody answered it in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRefused:
    """An offer of ours within the call was refused; the call goes on as it was.

    Attributes:
        status: Status code; 491 where both ends offered at once.
        reason: Reason phrase.
        comes_again: `OfferPossible` follows when a new offer may be tried.
    """

    status: int
    reason: str
    comes_again: bool


@dataclass(frozen=True, slots=True)
class OfferPossible:
    """The wait after a refused offer is over (RFC 3261 section 14.1): an offer may be tried."""


@dataclass(frozen=True, slots=True)
class RefreshWanted:
    """The session timer asks for a re-INVITE: the other end takes no UPDATE (RFC 4028)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The call is accepted: its 2xx came (caller), or its ACK (called end).

    Attributes:
        message: The 2xx or the ACK.
    """

    message: Request | Response


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The call is over; no event follows.

    Attributes:
        cause: Its cause.
        status: Status code, where a response ended it; 0 otherwise.
        reason: One sentence or phrase, that of the other end where it gave one.
        response: The response that refused the INVITE, with the Contacts of a 3xx; None otherwise.
    """

    cause: EndCause
    status: int = 0
    reason: str = ""
    response: Response | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneReceived:
    """A DTMF tone came in an INFO request (application/dtmf-relay, application/dtmf).

    Attributes:
        tone: One of `0123456789*#ABCD`.
        duration: Seconds.
    """

    tone: str
    duration: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferReceived:
    """The other end asks to call somebody else (REFER, RFC 3515): a transfer.

    `InviteSession.accept_refer` and `refuse_refer` answer it.

    Attributes:
        number: Number of this REFER, for the commands that belong to it.
        target: URI to call, as it stands in `Refer-To`, with its headers (`Replaces`).
        referred_by: Value of `Referred-By`; empty without one.
    """

    number: int
    target: str
    referred_by: str


SessionEvent: TypeAlias = (
    Progressed
    | OfferReceived
    | AnswerReceived
    | PreviewReceived
    | OfferWanted
    | OfferWithdrawn
    | OfferRefused
    | OfferPossible
    | RefreshWanted
    | Accepted
    | CallEnded
    | ToneReceived
    | ReferReceived
)
