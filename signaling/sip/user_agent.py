"""Core of a SIP user agent: transactions, dialogs and calls behind one pair of in and out. PURE.

The shell gives messages (`receive`) and time (`advance` at `next_time`), and carries out what
`take` returns: messages to send and events of calls. Commands stand on the calls themselves; what
they send is in the next `take`::

    agent = UserAgent(via=..., contact="<sip:bob@192.0.2.1>", aor="<sip:bob@a.org>", clock=...)
    invite = agent.invite(uri, sdp=offer)
    for output in agent.take():
        match output:
            case SendMessage(message, flow): ...
            case Told(InviteSession() as session, AnswerReceived(sdp)): ...
"""

from __future__ import annotations

import logging
import random
import secrets
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never, cast

from sipmessage import CSeq, Request, Response

from peer.values import dataclass
from signaling.alarms import Alarms
from signaling.sip import session_timer
from signaling.sip.agent_port import (
    ALLOW,
    EXTENSIONS,
    METHODS,
    SCHEMES,
    SDP,
    SUPPORTED,
    AgentSettings,
    AlarmOwner,
    Authenticator,
    DialogUser,
    OwnRequest,
)
from signaling.sip.client_invite import description
from signaling.sip.copies import renumbered
from signaling.sip.dialog import MAX_FORWARDS, Dialog, DialogError, DialogId, with_body
from signaling.sip.errors import SipAuthenticationError
from signaling.sip.identity import sign
from signaling.sip.info import media_type_of
from signaling.sip.invite_session import InviteSession
from signaling.sip.outgoing_invite import Forked, OutgoingInvite
from signaling.sip.parsing import check_header
from signaling.sip.registration import (
    DEFAULT_EXPIRES,
    Registered,
    Registration,
    RegistrationFailed,
    Unregistered,
)
from signaling.sip.reliable import option_tags
from signaling.sip.replies import reason_of, reply_to, tag_of
from signaling.sip.session_events import SessionEvent
from signaling.sip.transactions.keys import ClientKey, ServerKey
from signaling.sip.transactions.layer import TransactionLayer, UnknownTransactionError
from signaling.sip.transactions.outputs import (
    AckReceived,
    Flow,
    RequestFailed,
    RequestReceived,
    ResponseFailed,
    ResponseReceived,
    SendMessage,
    TransactionOutput,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from sipmessage import URI, Via

    from peer.times import MonotonicTime, Seconds
    from signaling.sip.errors import SipMessageError

_logger = logging.getLogger(__name__)

#: Bound on the challenges that one request of ours answers: of a proxy, of the server, and a stale
#: nonce of each (ours).
MAX_CHALLENGES: Final = 4


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE came that begins a call: the application rings, accepts or rejects it.

    Attributes:
        session: The call; `session.invite` is the request, `session.has_offer` says if it holds an
            offer.
        sdp: The offer; empty where the caller wants one in the answer (a delayed offer).
    """

    session: InviteSession
    sdp: str


AgentEvent: TypeAlias = (
    SessionEvent | Forked | IncomingCall | Registered | RegistrationFailed | Unregistered
)


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and the call, INVITE or user agent that it belongs to."""

    teller: Hashable
    event: AgentEvent


class UserAgent:
    """SIP user agent without I/O.

    Args:
        via: Via of our requests, without a branch.
        contact: Value of our `Contact`, such as `<sip:bob@192.0.2.1:5060>`.
        aor: Value of our `From`, such as `"Bob" <sip:bob@example.org>`, without a tag.
        clock: Returns the time, in seconds; the same that `advance` goes by.
        settings: Settings.
        authenticator: Adds credentials to requests, once they are challenged.
        chance: Returns a number from 0 up to 1 by chance.
        token: Returns a text that nobody can guess, for tags and Call-IDs.
    """

    def __init__(
        self,
        *,
        via: Via,
        contact: str,
        aor: str,
        clock: Callable[[], MonotonicTime],
        settings: AgentSettings | None = None,
        authenticator: Authenticator | None = None,
        chance: Callable[[], float] = random.random,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.contact = contact
        self.aor = aor
        #: `Route` of requests outside of a dialog: the outbound proxy, or Service-Route (RFC 3608).
        self.route: tuple[str, ...] = ()
        self.settings = settings or AgentSettings()
        self._layer = TransactionLayer(via=via, times=self.settings.times)
        self._clock = clock
        self._authenticator = authenticator
        self._chance = chance
        self._token = token
        self._alarms: Alarms[tuple[AlarmOwner, Hashable]] = Alarms()
        self._outputs: list[SendMessage | Told] = []
        self._own: dict[ClientKey, OwnRequest] = {}
        self._dialogs: dict[DialogId, DialogUser] = {}
        #: First INVITEs that came, by what their merged copies share (RFC 3261 section 8.2.2.2).
        self._invites: dict[ServerKey, tuple[tuple[str, str, int], DialogUser]] = {}
        self._merged: dict[tuple[str, str, int], ServerKey] = {}

    # The shell's side

    def set_via(self, via: Via) -> None:
        """Change the Via of requests to come, with the transport."""
        self._layer.via = via

    def receive(self, message: Request | Response, flow: Flow | None = None) -> None:
        """Take a message from the network.

        Args:
            message: The message.
            flow: Way it came by; its response is to take the same.
        """
        self._carry_out(self._layer.receive(message, self.now(), flow))

    def refuse(self, error: SipMessageError, flow: Flow | None = None) -> None:
        """Answer a message that could not be parsed, where it can be answered; keep nothing."""
        _logger.debug("SIP: a message is refused with %d: %s", error.status, error.reason)
        if error.request is not None and error.request.method != "ACK":
            response = reply_to(error.request, error.status)
            response.headers.set("Content-Length", "0")
            self._outputs.append(SendMessage(response, flow))

    def sending_failed(self, message: Request | Response) -> None:
        """Take note that a message could not be sent: its call hears 503."""
        self._carry_out(self._layer.sending_failed(message, self.now()))

    def advance(self) -> None:
        """Let the timers fire whose time has come."""
        for owner, kind in self._alarms.take(self.now()):
            owner.on_alarm(kind)
        self._carry_out(self._layer.advance(self.now()))

    def next_time(self) -> MonotonicTime | None:
        """Time at which `advance` is due; None while no timer runs."""
        times = (self._alarms.next_time(), self._layer.next_time())
        return min((time for time in times if time is not None), default=None)

    def take(self) -> list[SendMessage | Told]:
        """Return what is to be sent and what happened since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return outputs

    @property
    def kept(self) -> dict[str, int]:
        """Count what is kept: transactions, requests, dialogs, alarms."""
        return {
            "transactions": len(self._layer),
            "requests": len(self._own),
            "dialogs": len(self._dialogs),
            "invites": len(self._invites) + len(self._merged),
            "alarms": len(self._alarms),
        }

    def invite(
        self,
        target: URI,
        *,
        sdp: str = "",
        identity: str | None = None,
        keeps_all: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> OutgoingInvite:
        """Call somebody by an INVITE.

        Args:
            target: URI to call.
            sdp: The offer; empty for none: the answerer offers (a delayed offer).
            identity: Our signature over the fingerprints of the offer; None without one.
            keeps_all: Every fork that accepts is kept; otherwise the first.
            headers: Further headers.

        Raises:
            SipUsageError: A header cannot be written.
        """
        for name, value in (headers or {}).items():
            check_header(name, value=value)
        request = self.new_request("INVITE", target)
        request.headers.set("Allow", ALLOW)
        request.headers.set("Supported", SUPPORTED)
        for name, value in (headers or {}).items():
            request.headers.set(name, value)
        if identity:
            sign(request, identity)
        return OutgoingInvite(
            self, with_body(request, sdp.encode(), content_type=SDP), keeps_all=keeps_all
        )

    def register(
        self, registrar: URI, *, expires: int = DEFAULT_EXPIRES, instance: str = ""
    ) -> Registration:
        """Register our Contact with a registrar; the registration tells how it goes.

        Args:
            registrar: Request-URI, such as `sip:example.org`.
            expires: Seconds that the binding is to last.
            instance: URN of this device (RFC 5626); empty for none.
        """
        registration = Registration(self, registrar, expires=expires, instance=instance)
        registration.start()
        return registration

    def new_request(self, method: str, target: URI) -> Request:
        """Make a request outside of a dialog (RFC 3261 section 8.1.1), without Via."""
        request = Request(method=method, uri=target)
        if self.route:
            request.headers.setlist("Route", list(self.route))
        request.max_forwards = MAX_FORWARDS
        request.headers.set("From", f"{self.aor};tag={self._token()}")
        request.headers.set("To", f"<{target}>")
        request.call_id = self._token() + self._token()
        request.cseq = CSeq(sequence=1, method=method)
        request.headers.set("Contact", self.contact)
        if self.settings.name:
            request.headers.set("User-Agent", self.settings.name)
        return request

    # The calls' side (AgentPort)

    def now(self) -> MonotonicTime:
        """Return the present time."""
        return self._clock()

    def chance(self) -> float:
        """Return a number from 0 up to 1 by chance."""
        return self._chance()

    def send_request(
        self,
        request: Request,
        on_response: Callable[[OwnRequest, Response], None],
        *,
        dialog: Dialog | None = None,
    ) -> OwnRequest:
        """Begin a client transaction."""
        if self._authenticator is not None:
            self._authenticator.authorize(request)
        key, outputs = self._layer.request(request, self.now())
        own = self._own[key] = OwnRequest(request, key, on_response, dialog)
        self._carry_out(outputs)
        return own

    def send_ack(self, ack: Request, *, again: bool = False) -> None:
        """Send the ACK of a 2xx."""
        if not again:
            self._layer.stamp(ack)
        self._outputs.append(SendMessage(ack))

    def cancel(self, own: OwnRequest) -> None:
        """Cancel an INVITE of ours."""
        own.is_cancelled = True
        self._carry_out(self._layer.cancel(own.key, self.now()))

    def respond(self, key: ServerKey, response: Response) -> bool:
        """Send a response to a request; False where its transaction takes none any more."""
        if self.settings.name:
            response.headers.set("Server", self.settings.name)
        try:
            self._carry_out(self._layer.respond(key, response, self.now()))
        except UnknownTransactionError as error:
            _logger.debug("SIP: %s", error)
            return False
        if response.code >= 300:
            _logger.debug(
                "SIP: %s of call %s is answered %d %s",
                key.method,
                response.headers.get("Call-ID"),
                response.code,
                response.phrase,
            )
        return True

    def tell(self, teller: Hashable, event: object) -> None:
        """Tell an event of a call."""
        self._outputs.append(Told(teller, cast("AgentEvent", event)))

    def start_alarm(self, owner: AlarmOwner, kind: Hashable, delay: Seconds) -> None:
        """Call `on_alarm` of the owner after a delay."""
        self._alarms.start((owner, kind), self.now() + delay)

    def stop_alarms(self, owner: AlarmOwner, *kinds: Hashable) -> None:
        """Stop these alarms of an owner."""
        for kind in kinds:
            self._alarms.stop((owner, kind))

    def adopt(self, session: DialogUser) -> None:
        """Hand requests within the dialog of a call to it from now on."""
        self._dialogs[session.dialog.id] = session

    def forget(self, session: DialogUser) -> None:
        """Drop the dialog of a call that is over."""
        if self._dialogs.get(session.dialog.id) is session:
            del self._dialogs[session.dialog.id]

    # The transactions' side

    def _carry_out(self, outputs: list[TransactionOutput]) -> None:
        for output in outputs:
            match output:
                case SendMessage():
                    self._outputs.append(output)
                case RequestReceived(key, request):
                    self._receive_request(key, request)
                case AckReceived(request):
                    if session := self._dialogs.get(_dialog_id(request)):
                        session.receive_ack(request)
                case ResponseReceived(key, _, response):
                    self._receive_response(key, response)
                case RequestFailed(key, request, timed_out):
                    # RFC 3261 section 8.1.3.1.
                    self._receive_response(key, reply_to(request, 408 if timed_out else 503))
                case ResponseFailed():
                    # The timers of the call, and of the other end, see to it.
                    pass
                case _:
                    assert_never(output)
        for key in self._layer.take_ended():
            self._end_transaction(key)

    def _end_transaction(self, key: ClientKey | ServerKey) -> None:
        if isinstance(key, ServerKey):
            if entry := self._invites.pop(key, None):
                self._merged.pop(entry[0], None)
            return
        own = self._own.pop(key, None)
        if own is not None and own.key == key and own.on_ended is not None:
            own.on_ended()

    def _receive_response(self, key: ClientKey, response: Response) -> None:
        own = self._own.get(key)
        if own is None or response.code == 100 or response.headers.get("To") is None:
            return
        if response.code in (401, 407) and self._answer_challenge(own, response):
            return
        own.on_response(own, response)

    def _answer_challenge(self, own: OwnRequest, response: Response) -> bool:
        if self._authenticator is None or own.is_cancelled or own.challenges >= MAX_CHALLENGES:
            return False
        request = renumbered(own.request, sequence=own.request.cseq.sequence + 1)
        if own.dialog is not None:
            own.dialog.local_sequence += 1
            request.cseq = CSeq(sequence=own.dialog.local_sequence, method=request.method)
        try:
            self._authenticator.take(response, to=own.request)
        except SipAuthenticationError as error:
            _logger.info("SIP: a challenge is not answered: %s", error)
            own.failure = str(error)
            return False
        self._authenticator.authorize(request)
        own.challenges += 1
        own.request = request
        own.key, outputs = self._layer.request(request, self.now())
        self._own[own.key] = own
        self._carry_out(outputs)
        return True

    # Requests

    def _receive_request(self, key: ServerKey, request: Request) -> None:
        if request.method == "CANCEL":
            self._receive_cancel(key, request)
        elif (refusal := self._refusal(request)) is not None:
            self.respond(key, refusal)
        elif tag_of(request.headers["To"]) is not None:
            if session := self._dialogs.get(_dialog_id(request)):
                session.receive(key, request)
            else:
                self.respond(key, reply_to(request, 481))
        elif request.method == "INVITE":
            self._receive_invite(key, request)
        elif request.method == "OPTIONS":
            self.respond(key, self._capabilities(request))
        else:
            # BYE, PRACK, UPDATE and INFO have no meaning outside of a dialog; a REFER there would
            # have a stranger make us call somebody.
            self.respond(key, self._refused(request, 403 if request.method == "REFER" else 481))

    def _refusal(self, request: Request) -> Response | None:
        """Check what RFC 3261 section 8.2 has every user agent check; None where all is well."""
        in_dialog = tag_of(request.headers["To"]) is not None
        if request.method not in METHODS and not (request.method == "NOTIFY" and in_dialog):
            response = self._refused(request, 405)
            response.headers.set("Allow", ALLOW)
            return response
        if request.uri.scheme not in SCHEMES:
            return self._refused(request, 416)
        if unknown := option_tags(request, "Require") - frozenset(EXTENSIONS):
            response = self._refused(request, 420)
            response.headers.set("Unsupported", ", ".join(sorted(unknown)))
            return response
        encoding = (request.headers.get("Content-Encoding") or "identity").strip().lower()
        if request.body and encoding != "identity":
            response = self._refused(request, 415)
            response.headers.set("Accept-Encoding", "identity")
            return response
        return None

    def _receive_cancel(self, key: ServerKey, request: Request) -> None:
        invite = self._layer.server_transaction_cancelled_by(request)
        if invite is None:
            self.respond(key, self._refused(request, 481))
            return
        entry = self._invites.get(invite)
        session = entry[1] if entry else self._dialogs.get(_dialog_id(request))
        tag = session.dialog.id.local_tag if session else self._token()
        self.respond(key, reply_to(request, 200, to_tag=tag))
        if session is not None:
            session.receive_cancel(reason=reason_of(request))

    def _receive_invite(self, key: ServerKey, request: Request) -> None:
        merged = (
            request.headers["Call-ID"],
            tag_of(request.headers["From"]) or "",
            request.cseq.sequence,
        )
        if merged in self._merged:
            # RFC 3261 section 8.2.2.2: one INVITE that came here by two ways.
            self.respond(key, self._refused(request, 482))
            return
        if request.body and media_type_of(request) != SDP:
            response = self._refused(request, 415)
            response.headers.set("Accept", SDP)
            self.respond(key, response)
            return
        if session_timer.is_too_small(request, self.settings.session_timer):
            response = self._refused(request, 422)
            response.headers.set("Min-SE", str(self.settings.session_timer.min_se))
            self.respond(key, response)
            return
        if len(self._dialogs) >= self.settings.max_sessions:
            self.respond(key, self._refused(request, 503))
            return
        try:
            dialog = Dialog.of_called(request, tag=self._token(), contact=self.contact)
        except DialogError as error:
            self.respond(key, reply_to(request, 400, phrase=f"Bad Request ({error})"))
            return
        session = InviteSession(self, dialog, request, key=key)
        self._invites[key] = (merged, session)
        self._merged[merged] = key
        self.adopt(session)
        self.tell(self, IncomingCall(session, description(request)))

    def _capabilities(self, request: Request) -> Response:
        """Answer OPTIONS (RFC 3261 section 11.2)."""
        response = reply_to(request, 200, to_tag=self._token())
        response.headers.set("Allow", ALLOW)
        response.headers.set("Supported", SUPPORTED)
        response.headers.set("Accept", SDP)
        response.headers.set("Contact", self.contact)
        return response

    def _refused(self, request: Request, code: int) -> Response:
        return reply_to(request, code, to_tag=self._token())


def _dialog_id(request: Request) -> DialogId:
    return DialogId(
        request.headers["Call-ID"],
        tag_of(request.headers["To"]) or "",
        tag_of(request.headers["From"]) or "",
    )
