"""One call in one SIP dialog: its offers and answers, from the first response to BYE. PURE.

RFC 3261 sections 13 to 15, with UPDATE (RFC 3311), PRACK (RFC 3262) and session timers (RFC 4028).
A caller has one such session for each fork of its INVITE, a called end exactly one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from signaling.sip import connected_identity, session_timer
from signaling.sip.client_invite import ClientInvite, description
from signaling.sip.errors import SipUsageError
from signaling.sip.info import TONE_TYPES, answer_info, tone_body
from signaling.sip.offer_answer import (
    Carrier,
    Exchange,
    Meaning,
    OfferAnswerError,
    OfferAnswerState,
)
from signaling.sip.refer import Transfers
from signaling.sip.refresher import SessionRefresher
from signaling.sip.reliable import Order, option_tags
from signaling.sip.reoffer import Reoffers, ReofferUser
from signaling.sip.replies import reason_of, reply_to
from signaling.sip.server_invite import InviteTimeout, ServerInvite
from signaling.sip.session_events import (
    Accepted,
    AnswerReceived,
    CallEnded,
    EndCause,
    OfferReceived,
    OfferWanted,
    OfferWithdrawn,
    Progressed,
    RefreshWanted,
    SessionEvent,
)
from signaling.sip.session_state import SessionState
from signaling.sip.their_offers import TheirOffers

if TYPE_CHECKING:
    from sipmessage import Request, Response

    from signaling.sip.agent_port import AgentPort, OwnRequest
    from signaling.sip.dialog import Dialog
    from signaling.sip.session_timer import SessionTimer
    from signaling.sip.transactions.keys import ServerKey


class InviteSession:
    """One call in one dialog.

    The commands raise `SipUsageError` where they cannot be: nothing was sent then.

    Args:
        agent: The user agent.
        dialog: The dialog.
        invite: The first INVITE.
        key: Its server transaction, at the called end; None at the caller.
    """

    def __init__(
        self, agent: AgentPort, dialog: Dialog, invite: Request, *, key: ServerKey | None = None
    ) -> None:
        self.dialog = dialog
        self.invite = invite
        self.state = SessionState.EARLY
        self.is_caller = key is None
        self._agent = agent
        self._offers = OfferAnswerState()
        self._transfers = Transfers(agent, dialog)
        self._allowed = option_tags(invite, "Allow") if key else frozenset[str]()
        self._ours = ClientInvite(agent, dialog, self._offers, on_gone=self._gone)
        self._refresher = SessionRefresher(
            agent,
            dialog,
            takes_update=lambda: "update" in self._allowed,
            on_wanted=lambda: self._tell(RefreshWanted()),
            on_expired=lambda reason: self._bye(EndCause.TIMED_OUT, reason=reason),
        )
        self._theirs: ServerInvite | None = None
        self._their_offers = TheirOffers(
            agent, dialog, self._offers, self._refresher, tell=self._tell
        )
        self._reoffers = Reoffers(
            agent,
            dialog,
            self._offers,
            self._refresher,
            is_caller=self.is_caller,
            user=ReofferUser(
                tell=self._tell,
                on_provisional=self.take_provisional,
                on_success=self.take_success,
                on_update_success=self._take_update_success,
                on_gone=self._gone,
            ),
        )
        self._hangup_wanted = False
        if key is None:
            self._offers.sent(Carrier.INVITE, described=bool(invite.body))
        else:
            self._theirs = self._server_invite(key, invite)
            self._offers.received(Carrier.INVITE, described=bool(invite.body))
            self._theirs.ring(first=True)

    @property
    def is_over(self) -> bool:
        """Tell if the call is over, but for the response to our BYE."""
        return self.state in (SessionState.ENDING, SessionState.ENDED)

    @property
    def takes_reliable(self) -> bool:
        """The caller takes reliable provisional responses (called end)."""
        return self._theirs is not None and self._theirs.takes_reliable

    @property
    def has_offer(self) -> bool:
        """An offer of the other end waits for our answer."""
        return self._offers.exchange is Exchange.REMOTE_OFFER

    @property
    def is_offer_wanted(self) -> bool:
        """The other end's INVITE came without an offer: ours belongs into a response to it."""
        return self._theirs is not None and self._offers.is_offer_due

    @property
    def can_offer(self) -> bool:
        """An offer may be sent now: no exchange and no INVITE is open."""
        if self._reoffers.is_open or self._offers.exchange is not Exchange.STABLE:
            return False
        if self.state is SessionState.CONFIRMED:
            return self._theirs is None
        is_talking = self.state in (SessionState.EARLY, SessionState.ACCEPTED)
        return is_talking and not self._offers.is_offer_due and "update" in self._allowed

    @property
    def can_sign(self) -> bool:
        """Tell if requests of ours can be from our own address, for which alone we sign."""
        return self.is_caller or connected_identity.is_possible(
            self.dialog, self._agent.aor, self.invite
        )

    # Commands of the called end

    def progress(self, code: int = 180, *, sdp: str = "", is_reliable: bool | None = None) -> None:
        """Send a provisional response to the first INVITE.

        Args:
            code: Status code, 101 to 199.
            sdp: The answer; or the offer, where the INVITE has none. It is the answer itself in a
                reliable response, and a preview in an unreliable one.
            is_reliable: Send it until a PRACK comes (RFC 3262); by default where it has a
                description and the caller takes it, or where the caller wants it.
        """
        theirs = self._open_first_invite()
        if not 101 <= code <= 199:
            raise SipUsageError(f"{code} is no provisional response")
        if is_reliable is None:
            is_reliable = theirs.takes_reliable and bool(sdp) and self._agent.settings.is_reliable
            is_reliable = is_reliable or theirs.requires_reliable
        if is_reliable and not theirs.takes_reliable:
            raise SipUsageError("the caller takes no reliable provisional responses")
        if sdp and not is_reliable and self._offers.is_offer_due:
            raise SipUsageError("an offer in a provisional response has to be reliable (RFC 3262)")
        carrier = Carrier.RELIABLE if is_reliable else Carrier.PROVISIONAL
        self._note_sent(carrier, described=bool(sdp))
        try:
            theirs.progress(code, body=sdp.encode(), is_reliable=is_reliable)
        except OverflowError as error:
            raise SipUsageError(str(error)) from error

    def accept(self, sdp: str = "") -> None:
        """Accept the first INVITE with a 2xx.

        Args:
            sdp: The answer, or the offer where the INVITE has none; empty where a reliable
                provisional response has had it.
        """
        theirs = self._open_first_invite()
        # A PRACK to come may hold the answer to our reliable offer: only then is there none here.
        if not theirs.has_unacknowledged_description or sdp:
            self._note_sent(Carrier.SUCCESS, described=bool(sdp))
        theirs.succeed(sdp.encode(), self._refresher.policy)

    def reject(self, code: int = 480, *, phrase: str | None = None, **headers: str) -> None:
        """Refuse the first INVITE.

        Args:
            code: Status code, 300 to 699.
            phrase: Reason phrase; that of the status code by default.
            headers: Further headers, such as `Contact` of a 302; `_` in a name for `-`.
        """
        theirs = self._open_first_invite()
        if not 300 <= code <= 699:
            raise SipUsageError(f"{code} refuses no INVITE")
        theirs.fail(code, phrase=phrase, **headers)
        self._end(EndCause.LOCAL, status=code)

    # Commands of both ends

    def answer(self, sdp: str) -> None:
        """Answer the offer that came, in the message that its answer belongs to."""
        carrier = self._offers.answer_carrier()
        match carrier:
            case Carrier.SUCCESS if self.state is SessionState.EARLY:
                self.accept(sdp)
            case Carrier.SUCCESS if self._theirs is not None:
                self._note_sent(carrier, described=True)
                self._theirs.succeed(sdp.encode(), self._refresher.policy)
            case Carrier.ACK | Carrier.PRACK if self._ours.answer(carrier, sdp.encode()):
                return
            case _ if self._their_offers.answer(carrier, sdp.encode()):
                if carrier is Carrier.PRACK_SUCCESS and self._theirs is not None:
                    self._theirs.proceed()
            case _:
                raise SipUsageError("there is no offer to answer")

    def refuse(self, code: int = 488, *, phrase: str | None = None) -> None:
        """Refuse the offer that came: the call goes on without it, where it was no first offer."""
        theirs = self._theirs
        if self._their_offers.refuse(code, phrase=phrase):
            if theirs is not None:
                theirs.proceed()
        elif self.state is SessionState.EARLY and not self.is_caller:
            self.reject(code, phrase=phrase)
        elif theirs is not None and theirs.is_open:
            self._offers.refused()
            self._theirs = None
            theirs.fail(code, phrase=phrase)
        elif self._ours.owes_answer:
            # No message refuses an offer in a response: the call itself ends.
            self.hang_up()
        else:
            raise SipUsageError("there is no offer to refuse")

    def offer(self, sdp: str, *, identity: str | None = None) -> None:
        """Send an offer of ours in a re-INVITE, an early UPDATE, or the 2xx that has to hold it.

        Args:
            sdp: The offer.
            identity: Our signature over its fingerprints, which no 2xx holds (RFC 8224 section 4).
        """
        if self.is_offer_wanted and self.state is SessionState.CONFIRMED:
            assert self._theirs is not None
            self._note_sent(Carrier.SUCCESS, described=True)
            self._theirs.succeed(sdp.encode(), self._refresher.policy)
            return
        if not self.can_offer:
            raise SipUsageError("an offer cannot be sent now: an exchange is open")
        if identity and not self.is_caller:
            connected_identity.take_ours(self.dialog, self._agent.aor)
        carrier = Carrier.INVITE if self.state is SessionState.CONFIRMED else Carrier.UPDATE
        if carrier is Carrier.INVITE:
            self._ours.begin()
        self._reoffers.send(carrier, sdp, identity=identity)

    def hang_up(self) -> None:
        """End the call by BYE, or by a refusal of the first INVITE at the called end.

        A caller ends one early fork by BYE; the INVITE as a whole by `OutgoingInvite.cancel`.
        """
        theirs = self._theirs
        match self.state:
            case SessionState.EARLY if not self.is_caller:
                if theirs is not None:
                    theirs.fail(480)
                self._end(EndCause.LOCAL, status=480)
            case SessionState.ACCEPTED if not self.is_caller:
                # RFC 3261 section 15: not before the ACK.
                self._hangup_wanted = True
            case SessionState.EARLY | SessionState.ACCEPTED | SessionState.CONFIRMED:
                self._bye(EndCause.LOCAL)
            case SessionState.ENDING | SessionState.ENDED:
                return
            case _:
                assert_never(self.state)

    def send_tone(self, tone: str, *, milliseconds: int = 160) -> None:
        """Send one DTMF tone in an INFO request (application/dtmf-relay)."""
        if self.state is not SessionState.CONFIRMED:
            raise SipUsageError("a tone can be sent once the call is confirmed")
        body = tone_body(tone, milliseconds=milliseconds)
        info = self.dialog.request("INFO", body=body, content_type=TONE_TYPES[0])
        self._agent.send_request(info, self._on_plain_response, dialog=self.dialog)

    def accept_refer(self, number: int) -> None:
        """Take a REFER (202); `report_refer` tells its sender how the transfer goes."""
        self._transfers.accept(number)

    def refuse_refer(self, number: int, *, code: int = 603) -> None:
        """Refuse a REFER with a status code."""
        self._transfers.refuse(number, code=code)

    def report_refer(self, number: int, *, code: int) -> None:
        """Tell the sender of a REFER the status code of the call that it asked for."""
        self._transfers.report(number, code=code)

    # Responses to the first INVITE, and to those within the call

    def take_provisional(self, own: OwnRequest, response: Response) -> None:
        """Take a 1xx to an INVITE of ours."""
        if self.is_over:
            return
        self._learn(response)
        try:
            events = self._ours.provisional(own, response)
        except OfferAnswerError:
            # The 2xx may do better.
            return
        if events is None:
            return
        if self.state is SessionState.EARLY:
            self._tell(Progressed(status=response.code, reason=response.phrase, response=response))
        self._tell(*events)

    def take_success(self, own: OwnRequest, response: Response) -> None:
        """Take a 2xx to an INVITE of ours: each one that comes is acknowledged."""
        if self._ours.is_repeated(own):
            return
        self._learn(response)
        if self.is_over:
            # It crossed our BYE, or came for a fork that was dropped.
            self._ours.acknowledge(own)
            return
        self.dialog.confirm(response)
        first, self.state = self.state is SessionState.EARLY, SessionState.CONFIRMED
        try:
            events = self._ours.success(own, response)
        except OfferAnswerError as error:
            self._bye(EndCause.FAILED, reason=str(error))
            return
        self._refresher.start(session_timer.agreed(response))
        self._tell(*([Accepted(response)] if first else []), *events)

    def decline_success(self, own: OwnRequest, response: Response) -> None:
        """Acknowledge a 2xx and say BYE: its fork is not wanted (RFC 3261 section 13.2.2.4)."""
        self._learn(response)
        self.dialog.confirm(response)
        self._ours.acknowledge(own)
        self._bye(EndCause.OTHER_FORK)

    def end_other_fork(self) -> None:
        """End a fork by BYE, since another one was kept."""
        self._bye(EndCause.OTHER_FORK)

    def drop(self, cause: EndCause, *, status: int = 0, reason: str = "") -> None:
        """End an early session of a caller without a message: its INVITE is over."""
        if self.state is SessionState.EARLY:
            self._end(cause, status=status, reason=reason)

    # Requests of the other end

    def receive(self, key: ServerKey, request: Request) -> None:
        """Take a request within the dialog, of any method but ACK and CANCEL."""
        if not self.dialog.take_sequence(request):
            self._their_offers.refuse_request(key, request, 500, phrase="Request Out of Order")
            return
        if self.is_over and request.method != "BYE":
            self._their_offers.refuse_request(key, request, 481)
            return
        connected_identity.take_theirs(self.dialog, request)
        match request.method:
            case "BYE":
                self._receive_bye(key, request)
            case "INVITE":
                self._receive_reinvite(key, request)
            case "UPDATE":
                self._receive_update(key, request)
            case "PRACK":
                self._receive_prack(key, request)
            case "INFO":
                self._receive_info(key, request)
            case "REFER":
                if event := self._transfers.receive(key, request):
                    self._tell(event)
            case "OPTIONS":
                self._their_offers.succeed(key, request)
            case _:
                # A NOTIFY has no subscription here.
                self._their_offers.refuse_request(
                    key, request, 489 if request.method == "NOTIFY" else 405
                )

    def receive_ack(self, ack: Request) -> None:
        """Take the ACK of a 2xx of ours."""
        theirs = self._theirs
        if theirs is None or not theirs.is_unacknowledged:
            return
        if ack.cseq.sequence != theirs.request.cseq.sequence:
            return
        theirs.acknowledged()
        self._theirs = None
        first = self.state is SessionState.ACCEPTED
        if first:
            self.state = SessionState.CONFIRMED
        try:
            meaning = self._offers.received(Carrier.ACK, described=bool(ack.body))
        except OfferAnswerError as error:
            self._bye(EndCause.FAILED, reason=str(error))
            return
        if self._hangup_wanted:
            self._bye(EndCause.LOCAL)
            return
        if first:
            self._tell(Accepted(ack))
        if meaning is Meaning.ANSWER:
            self._tell(AnswerReceived(description(ack)))

    def receive_cancel(self, *, reason: str) -> None:
        """Take a CANCEL of an INVITE of theirs, which is answered already.

        Args:
            reason: The `text` of its Reason header (RFC 3326); empty without one.
        """
        theirs = self._theirs
        if theirs is None or (not theirs.is_open and theirs.is_unacknowledged):
            return
        theirs.fail(487)
        if self.state is SessionState.EARLY:
            self._end(EndCause.CANCELLED, status=487, reason=reason)
            return
        self._theirs = None
        self._offers.refused()
        self._tell(OfferWithdrawn())

    # Parts of the above

    def _open_first_invite(self) -> ServerInvite:
        if self.is_caller or self.state is not SessionState.EARLY:
            raise SipUsageError("the INVITE of this call waits for no response")
        assert self._theirs is not None
        if not self._theirs.is_open:
            raise SipUsageError("the INVITE of this call is accepted already")
        return self._theirs

    def _note_sent(self, carrier: Carrier, *, described: bool) -> Meaning:
        try:
            return self._offers.sent(carrier, described=described)
        except OfferAnswerError as error:
            raise SipUsageError(str(error)) from error

    def _server_invite(self, key: ServerKey, request: Request) -> ServerInvite:
        return ServerInvite(
            self._agent,
            key,
            request,
            dialog=self.dialog,
            on_success=self._on_success_sent,
            on_timeout=self._on_invite_timeout,
        )

    def _on_success_sent(self, timer: SessionTimer | None) -> None:
        assert self._theirs is not None
        self.dialog.confirm()
        self.dialog.refresh_target(self._theirs.request)
        if self.state is SessionState.EARLY:
            self.state = SessionState.ACCEPTED
        self._refresher.start(timer)

    def _on_invite_timeout(self, missing: InviteTimeout) -> None:
        match missing:
            case InviteTimeout.PRACK:
                self._end(EndCause.TIMED_OUT, status=504, reason="no PRACK came")
            case InviteTimeout.ANSWER if self.state is SessionState.EARLY:
                self._end(EndCause.TIMED_OUT, reason="nobody has answered")
            case InviteTimeout.ANSWER:
                self._theirs = None
                self._offers.refused()
                self._tell(OfferWithdrawn())
            case InviteTimeout.ACK:
                # RFC 3261 section 13.3.1.4: the call is confirmed all the same, and ends.
                self._theirs = None
                self._bye(EndCause.TIMED_OUT, reason="no ACK came")
            case _:
                assert_never(missing)

    def _learn(self, message: Request | Response) -> None:
        self._allowed = option_tags(message, "Allow") or self._allowed

    def _tell(self, *events: SessionEvent) -> None:
        for event in events:
            self._agent.tell(self, event)

    def _take_update_success(self, response: Response) -> None:
        self._learn(response)
        self.dialog.refresh_target(response)
        if self.state is not SessionState.EARLY:
            self._refresher.start(session_timer.agreed(response))
        try:
            self._offers.received(Carrier.UPDATE_SUCCESS, described=bool(response.body))
        except OfferAnswerError as error:
            self._bye(EndCause.FAILED, reason=str(error))
            return
        self._tell(AnswerReceived(description(response)))

    def _receive_bye(self, key: ServerKey, request: Request) -> None:
        self._agent.respond(key, reply_to(request, 200))
        if self._theirs is not None:
            self._theirs.fail(487)
        self._end(EndCause.REMOTE, reason=reason_of(request))

    def _receive_reinvite(self, key: ServerKey, request: Request) -> None:
        if self._reoffers.is_invite_open:
            self._their_offers.refuse_request(key, request, 491)
        elif self._theirs is not None or self.state is not SessionState.CONFIRMED:
            self._their_offers.refuse_request(key, request, 500)
        elif self._their_offers.take(key, request, Carrier.INVITE):
            self._learn(request)
            self._theirs = self._server_invite(key, request)
            self._theirs.ring(first=False)
            offer = OfferReceived(description(request), request)
            self._tell(offer if request.body else OfferWanted())

    def _receive_update(self, key: ServerKey, request: Request) -> None:
        if not self._their_offers.take(key, request, Carrier.UPDATE):
            return
        self._learn(request)
        self.dialog.refresh_target(request)
        if not request.body:
            self._their_offers.succeed(key, request)
            return
        self._their_offers.wait(key, request, Carrier.UPDATE)

    def _receive_prack(self, key: ServerKey, request: Request) -> None:
        order = self._theirs.acknowledge(request) if self._theirs is not None else None
        if order is None or self._theirs is None:
            self._their_offers.refuse_request(key, request, 481)
            return
        if order is not Order.NEXT:
            self._their_offers.succeed(key, request)
            return
        try:
            meaning = self._offers.received(Carrier.PRACK, described=bool(request.body))
        except OfferAnswerError as error:
            self._their_offers.refuse_request(key, request, error.status)
            self._theirs.fail(error.status)
            self._end(EndCause.FAILED, status=error.status, reason=str(error))
            return
        if meaning is Meaning.OFFER:
            self._their_offers.wait(key, request, Carrier.PRACK)
            return
        self._their_offers.succeed(key, request)
        if meaning is Meaning.ANSWER:
            self._tell(AnswerReceived(description(request)))
        if self._theirs is not None:
            self._theirs.proceed()

    def _receive_info(self, key: ServerKey, request: Request) -> None:
        response, tone = answer_info(request)
        self._agent.respond(key, response)
        if tone:
            self._tell(tone)

    def _on_plain_response(self, _own: OwnRequest, response: Response) -> None:
        if response.code in (408, 481):
            self._gone(response.code)

    def _gone(self, status: int) -> None:
        """End a call that the other end does not know, or does not answer in."""
        if self.state is SessionState.CONFIRMED:
            self._bye(EndCause.FAILED, status=status)
        elif self.is_caller:
            self.drop(EndCause.FAILED, status=status)

    def _bye(self, cause: EndCause, *, status: int = 0, reason: str = "") -> None:
        if self.is_over:
            return
        self._ours.acknowledge_unanswered()
        self._stop()
        self.state = SessionState.ENDING
        bye = self.dialog.request("BYE")
        self._agent.send_request(bye, self._on_bye_response, dialog=self.dialog)
        self._tell(CallEnded(cause=cause, status=status, reason=reason))

    def _on_bye_response(self, _own: OwnRequest, response: Response) -> None:
        if response.code >= 200 and self.state is SessionState.ENDING:
            self.state = SessionState.ENDED
            self._agent.forget(self)

    def _end(self, cause: EndCause, *, status: int = 0, reason: str = "") -> None:
        told = self.is_over
        self._stop()
        self.state = SessionState.ENDED
        self._agent.forget(self)
        if not told:
            self._tell(CallEnded(cause=cause, status=status, reason=reason))

    def _stop(self) -> None:
        if self._theirs is not None:
            self._theirs.fail(487)
            self._theirs.stop()
            self._theirs = None
        self._their_offers.stop()
        self._transfers.stop()
        self._refresher.stop()
        self._reoffers.stop()
