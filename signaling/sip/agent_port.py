"""Interface through which calls and registrations of one user agent send, wait and tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import field
from typing import TYPE_CHECKING, Final, Protocol

from peer.values import dataclass
from signaling.sip.session_timer import SessionTimerPolicy
from signaling.sip.transactions.tables import RINGING_LIMIT, TransactionTimes

if TYPE_CHECKING:
    from sipmessage import URI, Request, Response

    from peer.times import MonotonicTime, Seconds
    from signaling.sip.dialog import Dialog
    from signaling.sip.transactions.keys import ClientKey, ServerKey

#: Methods that the user agent takes, as `Allow` says.
METHODS: Final = (
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
)
#: Value of `Allow`.
ALLOW: Final = ", ".join(METHODS)
#: Option tags of the extensions that the user agent knows.
EXTENSIONS: Final = ("100rel", "timer", "from-change")
#: Value of `Supported`.
SUPPORTED: Final = ", ".join(EXTENSIONS)
#: Schemes of what can be called, and of Request-URIs that are taken.
SCHEMES: Final = frozenset({"sip", "sips", "tel"})
#: Media type of session descriptions.
SDP: Final = "application/sdp"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Settings of a SIP user agent.

    Args:
        name: Value of `User-Agent` and `Server`; empty for none.
        session_timer: Session timers that calls ask for (RFC 4028).
        ring_timeout: Seconds after which an INVITE without a final response is cancelled, or
            refused at the called end.
        max_sessions: Most calls at once; the next INVITE is answered 503.
        times: Base times of the timers.
        is_reliable: Provisional responses with a description are reliable where the caller can
            take them (RFC 3262).
    """

    name: str = "handfast"
    session_timer: SessionTimerPolicy = field(default_factory=SessionTimerPolicy)
    ring_timeout: Seconds = 180.0
    max_sessions: int = 1000
    times: TransactionTimes = field(default_factory=TransactionTimes)
    is_reliable: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.ring_timeout <= RINGING_LIMIT:
            raise ValueError(f"ring_timeout is more than 0 and at most {RINGING_LIMIT:g} s")
        if self.max_sessions < 0:
            raise ValueError("max_sessions is 0 or more")
        if not self.name.isprintable():
            raise ValueError(f"name is one line of text, not {self.name!r}")


class Authenticator(Protocol):
    """Credentials of the user; `digest.Digest` is one."""

    def authorize(self, request: Request) -> None:
        """Add credentials to a request, for each realm that is known."""

    def take(self, response: Response, *, to: Request) -> None:
        """Take the challenges of a 401 or 407.

        Raises:
            SipAuthenticationError: It cannot be answered.
        """


@dataclasses.dataclass(slots=True, eq=False)
class OwnRequest:
    """A request of ours that waits for its final response, through challenges for a password.

    Attributes:
        request: The request as it was last sent.
        key: Its transaction.
        on_response: Gets each response but 100 and a 401 or 407 that was answered with credentials,
            and a 408 or 503 of our own where nobody answers (RFC 3261 section 8.1.3.1).
        dialog: Dialog that numbers it; None outside of one.
        challenges: How often it was challenged.
        is_cancelled: A CANCEL is sent, or waits for a provisional response.
        failure: Sentence that says why a challenge was not answered; empty without one.
        on_ended: Called when its last transaction is over, after which no response comes.
    """

    request: Request
    key: ClientKey
    on_response: Callable[[OwnRequest, Response], None]
    dialog: Dialog | None
    challenges: int = 0
    is_cancelled: bool = False
    failure: str = ""
    on_ended: Callable[[], None] | None = None


class AlarmOwner(Hashable, Protocol):
    """A call or registration that has timers."""

    def on_alarm(self, kind: Hashable) -> None:
        """Act, since the time of an alarm has come."""


class DialogUser(Hashable, Protocol):
    """A call that gets the requests within its dialog."""

    dialog: Dialog

    def receive(self, key: ServerKey, request: Request) -> None:
        """Take a request within the dialog."""

    def receive_ack(self, ack: Request) -> None:
        """Take the ACK of a 2xx."""

    def receive_cancel(self, *, reason: str) -> None:
        """Take a CANCEL of an INVITE within the dialog, or of the first one."""


class AgentPort(Protocol):
    """User agent, as its calls and registrations see it."""

    @property
    def settings(self) -> AgentSettings:
        """Settings of the user agent."""

    @property
    def aor(self) -> str:
        """Value of `From` of our requests outside of a dialog, without a tag."""

    @property
    def contact(self) -> str:
        """Value of `Contact` of our requests and responses."""

    def send_request(
        self,
        request: Request,
        on_response: Callable[[OwnRequest, Response], None],
        *,
        dialog: Dialog | None = None,
    ) -> OwnRequest:
        """Begin a client transaction."""

    def send_ack(self, ack: Request, *, again: bool = False) -> None:
        """Send the ACK of a 2xx; once more as it was, where `again` says so."""

    def cancel(self, own: OwnRequest) -> None:
        """Cancel an INVITE of ours."""

    def respond(self, key: ServerKey, response: Response) -> bool:
        """Send a response to a request; False where its transaction takes none any more."""

    def tell(self, teller: Hashable, event: object) -> None:
        """Tell an event of a call or a registration."""

    def start_alarm(self, owner: AlarmOwner, kind: Hashable, delay: Seconds) -> None:
        """Call `on_alarm` of the owner after a delay."""

    def stop_alarms(self, owner: AlarmOwner, *kinds: Hashable) -> None:
        """Stop these alarms of an owner."""

    def chance(self) -> float:
        """Return a number from 0 up to 1 by chance."""

    def now(self) -> MonotonicTime:
        """Return the present time."""

    def adopt(self, session: DialogUser) -> None:
        """Hand requests within the dialog of a call to it from now on."""

    def forget(self, session: DialogUser) -> None:
        """Drop the dialog of a call that is over."""


class RegistrationPort(AgentPort, Protocol):
    """User agent, as its registration sees it."""

    def new_request(self, method: str, target: URI) -> Request:
        """Make a request outside of a dialog, without Via."""
