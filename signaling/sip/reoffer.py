"""Offers of ours within a call: re-INVITE and UPDATE, and what follows when they are refused. PURE.

RFC 3261 section 14 and RFC 3311. Both ends may offer at once: each refuses with 491, and waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peer.values import dataclass
from signaling.sip.agent_port import SDP
from signaling.sip.identity import sign, token_in
from signaling.sip.offer_answer import Carrier
from signaling.sip.replies import retry_after_of
from signaling.sip.session_events import OfferPossible, OfferRefused, SessionEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipmessage import Response

    from peer.times import Seconds
    from signaling.sip.agent_port import AgentPort, OwnRequest
    from signaling.sip.dialog import Dialog
    from signaling.sip.offer_answer import OfferAnswerState
    from signaling.sip.refresher import SessionRefresher

#: Longest wait, in seconds, that a Retry-After of the other end makes us keep (ours).
LONGEST_RETRY: Final = 32.0
#: Least and greatest wait after a 491, in seconds, at the end that owns the Call-ID (RFC 3261
#: section 14.1: 2.1 to 4 s).
_OWNER_WAIT: Final = (2.1, 4.0)
#: Least and greatest wait after a 491, in seconds, at the other end (section 14.1: 0 to 2 s).
_OTHER_WAIT: Final = (0.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReofferUser:
    """Call that makes offers: what it does with the responses.

    Attributes:
        tell: Tells an event.
        on_provisional: Takes a 1xx to the re-INVITE.
        on_success: Takes a 2xx to the re-INVITE.
        on_update_success: Takes a 2xx to the UPDATE.
        on_gone: Takes the status code by which the other end says that it does not know the call.
    """

    tell: Callable[[SessionEvent], None]
    on_provisional: Callable[[OwnRequest, Response], None]
    on_success: Callable[[OwnRequest, Response], None]
    on_update_success: Callable[[Response], None]
    on_gone: Callable[[int], None]


class Reoffers:
    """The offers that one end makes within a call, one at a time.

    Args:
        agent: The user agent.
        dialog: Dialog of the call.
        offers: Offers and answers of the dialog.
        refresher: Session timer of the call.
        is_caller: This end sent the first INVITE, and so owns the Call-ID.
        user: The call.
    """

    def __init__(
        self,
        agent: AgentPort,
        dialog: Dialog,
        offers: OfferAnswerState,
        refresher: SessionRefresher,
        *,
        is_caller: bool,
        user: ReofferUser,
    ) -> None:
        self._agent = agent
        self._dialog = dialog
        self._offers = offers
        self._refresher = refresher
        self._is_caller = is_caller
        self._user = user
        self._open: OwnRequest | None = None

    @property
    def is_open(self) -> bool:
        """Tell if an offer of ours has no final response."""
        return self._open is not None

    @property
    def is_invite_open(self) -> bool:
        """Tell if a re-INVITE of ours has no final response."""
        return self._open is not None and self._open.request.method == "INVITE"

    def send(self, carrier: Carrier, sdp: str, *, identity: str | None = None) -> None:
        """Send an offer, which may be sent now.

        Args:
            carrier: INVITE or UPDATE.
            sdp: The offer.
            identity: Our signature over its fingerprints; None without one.

        Raises:
            OfferAnswerError: An exchange is open.
        """
        self._offers.sent(carrier, described=True)
        self._agent.stop_alarms(self, OfferPossible)
        request = self._dialog.request(carrier.name, body=sdp.encode(), content_type=SDP)
        self._refresher.ask(request)
        if identity:
            sign(request, identity)
        self._open = self._agent.send_request(request, self._on_response, dialog=self._dialog)
        if carrier is Carrier.INVITE:
            # Somebody may be asked there, as for pictures in a call of voices.
            self._agent.start_alarm(self, OfferRefused, self._agent.settings.ring_timeout)

    def stop(self) -> None:
        """Forget the open offer, since the call is over: responses to it change nothing."""
        self._open = None
        self._agent.stop_alarms(self, OfferPossible, OfferRefused)

    def on_alarm(self, kind: object) -> None:
        """Tell that an offer may be tried again, or cancel one that rings: nobody picks it up."""
        if kind is OfferPossible:
            self._user.tell(OfferPossible())
        elif self._open is not None:
            self._agent.cancel(self._open)

    def _on_response(self, own: OwnRequest, response: Response) -> None:
        is_invite = own.request.method == "INVITE"
        is_open = self._open is own
        if response.code < 200:
            if is_invite:
                self._user.on_provisional(own, response)
            return
        if is_open:
            self._open = None
            self._agent.stop_alarms(self, OfferRefused)
        if response.code < 300 and is_invite:
            self._user.on_success(own, response)
        elif is_open:
            self._finish(own, response)

    def _finish(self, own: OwnRequest, response: Response) -> None:
        if response.code < 300:
            self._user.on_update_success(response)
            return
        self._offers.refused()
        if response.code == 422 and self._refresher.raise_to(response):
            identity = token_in(own.request)
            self.send(Carrier[own.request.method], own.request.body.decode(), identity=identity)
        elif response.code in (408, 481):
            # RFC 3261 section 12.2.1.2.
            self._user.on_gone(response.code)
        else:
            self._refused(response)

    def _refused(self, response: Response) -> None:
        wait = self._retry_delay(response)
        self._user.tell(
            OfferRefused(status=response.code, reason=response.phrase, comes_again=wait is not None)
        )
        if wait is not None:
            self._agent.start_alarm(self, OfferPossible, wait)

    def _retry_delay(self, response: Response) -> Seconds | None:
        if response.code == 491:
            # The waits of the two ends cannot be the same; they go by steps of 10 ms.
            low, high = _OWNER_WAIT if self._is_caller else _OTHER_WAIT
            return round(low + (high - low) * self._agent.chance(), 2)
        asked = retry_after_of(response) if response.code in (500, 503) else None
        return None if asked is None else min(asked, LONGEST_RETRY)
