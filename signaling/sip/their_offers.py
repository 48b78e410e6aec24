"""Offers of the other end within a call, in UPDATE and PRACK, until they are answered. PURE.

RFC 3311 section 5.2 and RFC 3262 section 5. Those in a re-INVITE are of `server_invite.py`, but for
the checks, which are the same.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from peer.values import dataclass
from signaling.sip import session_timer
from signaling.sip.agent_port import ALLOW, SDP, SUPPORTED
from signaling.sip.client_invite import description
from signaling.sip.info import media_type_of
from signaling.sip.offer_answer import Carrier, OfferAnswerError, OfferAnswerState
from signaling.sip.replies import reply_to
from signaling.sip.session_events import OfferReceived, OfferWithdrawn, SessionEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipmessage import Request

    from signaling.sip.agent_port import AgentPort
    from signaling.sip.dialog import Dialog
    from signaling.sip.refresher import SessionRefresher
    from signaling.sip.transactions.keys import ServerKey

#: Greatest Retry-After, in seconds, of a 500 that refuses a second offer (RFC 3261 section 14.2).
_RETRY_AFTER_END: Final = 10


class _Alarm(Enum):
    #: Nobody has answered an offer in time.
    UNANSWERED = auto()


@dataclass(frozen=True, slots=True)
class _OfferIn:
    key: ServerKey
    request: Request
    carrier: Carrier


class TheirOffers:
    """Requests of the other end that hold offers, within one call.

    Args:
        agent: The user agent.
        dialog: Dialog of the call.
        offers: Offers and answers of the dialog.
        refresher: Session timer of the call.
        tell: Tells an event.
    """

    def __init__(
        self,
        agent: AgentPort,
        dialog: Dialog,
        offers: OfferAnswerState,
        refresher: SessionRefresher,
        *,
        tell: Callable[[SessionEvent], None],
    ) -> None:
        self._agent = agent
        self._dialog = dialog
        self._offers = offers
        self._refresher = refresher
        self._tell = tell
        self._open: _OfferIn | None = None

    def take(self, key: ServerKey, request: Request, carrier: Carrier) -> bool:
        """Check an INVITE or UPDATE of theirs; False where it is refused."""
        if session_timer.is_too_small(request, self._refresher.policy):
            response = reply_to(request, 422)
            response.headers.set("Min-SE", str(self._refresher.policy.min_se))
            self._agent.respond(key, response)
            return False
        if request.body and media_type_of(request) != SDP:
            response = reply_to(request, 415)
            response.headers.set("Accept", SDP)
            self._agent.respond(key, response)
            return False
        try:
            self._offers.received(carrier, described=bool(request.body))
        except OfferAnswerError as error:
            self.refuse_request(key, request, error.status)
            return False
        return True

    def wait(self, key: ServerKey, request: Request, carrier: Carrier) -> None:
        """Tell of an offer in an UPDATE or PRACK, and keep its request for the answer."""
        self._open = _OfferIn(key, request, carrier)
        self._agent.start_alarm(self, _Alarm.UNANSWERED, self._agent.settings.times.timeout)
        self._tell(OfferReceived(description(request), request))

    def answer(self, carrier: Carrier | None, body: bytes) -> bool:
        """Answer the open offer in the response to its request; False where it is not open.

        Args:
            carrier: PRACK_SUCCESS or UPDATE_SUCCESS.
            body: The answer.
        """
        if self._open is None or carrier not in (Carrier.PRACK_SUCCESS, Carrier.UPDATE_SUCCESS):
            return False
        offer = self._close(self._open)
        self._offers.sent(carrier, described=True)
        self.succeed(offer.key, offer.request, body)
        return True

    def refuse(self, code: int, *, phrase: str | None = None) -> bool:
        """Refuse the open offer; False where there is none."""
        if self._open is None:
            return False
        offer = self._close(self._open)
        self._offers.refused()
        self._agent.respond(offer.key, reply_to(offer.request, code, phrase=phrase))
        return True

    def succeed(self, key: ServerKey, request: Request, body: bytes = b"") -> None:
        """Answer an UPDATE or PRACK with 200."""
        response = reply_to(request, 200)
        response.headers.set("Contact", self._dialog.contact)
        response.headers.set("Allow", ALLOW)
        response.headers.set("Supported", SUPPORTED)
        if request.method == "UPDATE":
            timer = session_timer.agree(request, response, self._refresher.policy)
            if self._dialog.is_confirmed:
                self._refresher.start(timer)
        response.body = body
        if body:
            response.headers.set("Content-Type", SDP)
        self._agent.respond(key, response)

    def refuse_request(
        self, key: ServerKey, request: Request, code: int, *, phrase: str | None = None
    ) -> None:
        """Answer a request within the call with an error."""
        response = reply_to(request, code, phrase=phrase)
        if code == 500 and request.method in ("INVITE", "UPDATE"):
            # RFC 3261 section 14.2, RFC 3311 section 5.2.
            response.headers.set("Retry-After", str(int(self._agent.chance() * _RETRY_AFTER_END)))
        if code == 405:
            response.headers.set("Allow", ALLOW)
        self._agent.respond(key, response)

    def stop(self) -> None:
        """Refuse the open offer, since the call is over."""
        self.refuse(487)

    def on_alarm(self, kind: object) -> None:
        """Refuse an offer that nobody answered."""
        assert kind is _Alarm.UNANSWERED
        if self.refuse(500):
            self._tell(OfferWithdrawn())

    def _close(self, offer: _OfferIn) -> _OfferIn:
        self._open = None
        self._agent.stop_alarms(self, _Alarm.UNANSWERED)
        return offer
