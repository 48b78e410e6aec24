"""One INVITE that came, until its final response is acknowledged: the called end's side of it.

PURE: sends provisional responses, reliable ones until their PRACK (RFC 3262), and the 2xx until its
ACK (RFC 3261 section 13.3.1.4).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final, assert_never

from peer.values import dataclass
from signaling.sip import reliable, session_timer
from signaling.sip.agent_port import ALLOW, SDP, SUPPORTED
from signaling.sip.parsing import check_header
from signaling.sip.reliable import Order, ReliableSender, option_tags
from signaling.sip.replies import reply_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipmessage import Request, Response

    from peer.times import Seconds
    from signaling.sip.agent_port import AgentPort
    from signaling.sip.dialog import Dialog
    from signaling.sip.session_timer import SessionTimer, SessionTimerPolicy
    from signaling.sip.transactions.keys import ServerKey

#: Seconds after which a provisional response is sent again, so that no proxy on the way takes the
#: call for dead after three minutes (RFC 3261 section 13.3.1.1).
PROVISIONAL_INTERVAL: Final = 60.0
#: Greatest first RSeq, a quarter of the numbers that there are (ours; RFC 3262 section 3: chosen by
#: chance from below 2**31).
_FIRST_RSEQ_END: Final = 2**29


class InviteAlarm(Enum):
    """Alarm of an INVITE that came."""

    #: Send a provisional response again.
    KEEP_RINGING = auto()
    #: Send the reliable response again whose PRACK is missing.
    REPEAT_RELIABLE = auto()
    #: No PRACK came for 64*T1.
    NO_PRACK = auto()
    #: Send the 2xx again whose ACK is missing.
    REPEAT_SUCCESS = auto()
    #: No ACK came for 64*T1.
    NO_ACK = auto()
    #: Nobody has answered the INVITE in time.
    NO_ANSWER = auto()


class InviteTimeout(Enum):
    """Message that did not come in time."""

    PRACK = auto()
    ACK = auto()
    #: What the application had to say.
    ANSWER = auto()


@dataclass(frozen=True, slots=True)
class _WaitingSuccess:
    body: bytes
    policy: SessionTimerPolicy


class ServerInvite:
    """An INVITE that came, first or within the call.

    Args:
        agent: The user agent.
        key: Its server transaction.
        request: The INVITE.
        dialog: Its dialog.
        on_success: Called with the session timer when the 2xx goes out.
        on_timeout: Called when a PRACK or the ACK did not come.
    """

    def __init__(
        self,
        agent: AgentPort,
        key: ServerKey,
        request: Request,
        *,
        dialog: Dialog,
        on_success: Callable[[SessionTimer | None], None],
        on_timeout: Callable[[InviteTimeout], None],
    ) -> None:
        self.key = key
        self.request = request
        self._agent = agent
        self._dialog = dialog
        self._on_success = on_success
        self._on_timeout = on_timeout
        self._has_final = False
        self._last_code = 0
        self._waiting: _WaitingSuccess | None = None
        self._success: Response | None = None
        self._interval: Seconds = agent.settings.times.t1
        first = 1 + int(agent.chance() * _FIRST_RSEQ_END)
        self._reliable = ReliableSender(first=first, t1=agent.settings.times.t1)

    @property
    def is_open(self) -> bool:
        """Tell if no final response was given yet, not even one that waits for a PRACK."""
        return not self._has_final and self._waiting is None

    @property
    def is_unacknowledged(self) -> bool:
        """A 2xx waits for its ACK."""
        return self._success is not None

    @property
    def takes_reliable(self) -> bool:
        """The caller takes reliable provisional responses."""
        return reliable.OPTION in option_tags(self.request, "Supported") | option_tags(
            self.request, "Require"
        )

    @property
    def requires_reliable(self) -> bool:
        """The caller wants every provisional response to be reliable."""
        return reliable.OPTION in option_tags(self.request, "Require")

    @property
    def has_unacknowledged_description(self) -> bool:
        """A reliable response with a description waits for its PRACK."""
        return self._reliable.holds_description

    def ring(self, *, first: bool) -> None:
        """Wait for the application, and no longer than the INVITE or the settings say.

        Args:
            first: The INVITE begins a call; otherwise it is a re-INVITE, which nobody picks up.
        """
        settings = self._agent.settings
        timeout = settings.ring_timeout if first else settings.times.timeout
        if expires := self.request.expires:
            timeout = min(timeout, expires)
        self._agent.start_alarm(self, InviteAlarm.NO_ANSWER, timeout)

    def progress(self, code: int, *, body: bytes, is_reliable: bool) -> None:
        """Send a provisional response.

        Args:
            code: Status code, 101 to 199.
            body: A description; empty for none.
            is_reliable: Send it until its PRACK comes.

        Raises:
            OverflowError: Too many reliable ones wait for their PRACK.
        """
        response = self._response(code, body)
        self._last_code = code
        self._agent.start_alarm(self, InviteAlarm.KEEP_RINGING, PROVISIONAL_INTERVAL)
        if not is_reliable:
            self._agent.respond(self.key, response)
        elif numbered := self._reliable.send(response):
            self._send_reliable(numbered)

    def succeed(self, body: bytes, policy: SessionTimerPolicy) -> None:
        """Accept the INVITE request: the 2xx waits for the PRACK of a reliable description.

        Args:
            body: A description; empty for none.
            policy: Session timers that this end wishes for.
        """
        self._agent.stop_alarms(self, InviteAlarm.NO_ANSWER)
        if self._reliable.holds_description:
            self._waiting = _WaitingSuccess(body, policy)
            return
        self._waiting = None
        response = self._response(200, body)
        timer = session_timer.agree(self.request, response, policy)
        self._finish()
        self._success = response
        self._interval = self._agent.settings.times.t1
        self._agent.respond(self.key, response)
        self._agent.start_alarm(self, InviteAlarm.NO_ACK, self._agent.settings.times.timeout)
        self._repeat_success()
        self._on_success(timer)

    def fail(self, code: int, *, phrase: str | None = None, **headers: str) -> None:
        """Refuse the INVITE request; nothing happens where it has a final response.

        Args:
            code: Status code, 300 to 699.
            phrase: Reason phrase; that of the status code by default.
            headers: Further headers, `_` in a name for `-`.

        Raises:
            SipUsageError: A header or the phrase cannot be written; nothing was sent.
        """
        if self._has_final:
            return
        written = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in written.items():
            check_header(name, value=value)
        check_header("Reason-Phrase", value=phrase or "")
        self._waiting = None
        self._finish()
        response = reply_to(self.request, code, phrase=phrase, to_tag=self._dialog.id.local_tag)
        for name, value in written.items():
            response.headers.set(name, value)
        self._agent.respond(self.key, response)

    def acknowledge(self, prack: Request) -> Order | None:
        """Take a PRACK request; None where it acknowledges nothing of this INVITE."""
        order = self._reliable.acknowledge(prack, sequence=self.request.cseq.sequence)
        if order is Order.NEXT:
            self._agent.stop_alarms(self, InviteAlarm.REPEAT_RELIABLE, InviteAlarm.NO_PRACK)
        return order

    def proceed(self) -> None:
        """Send what waited for the last PRACK, after the response to it."""
        if following := self._reliable.following():
            self._send_reliable(following)
        elif self._waiting is not None and not self._reliable.holds_description:
            self.succeed(self._waiting.body, self._waiting.policy)

    def acknowledged(self) -> None:
        """Take note of the ACK: the 2xx is sent no more."""
        self._success = None
        self._agent.stop_alarms(self, InviteAlarm.REPEAT_SUCCESS, InviteAlarm.NO_ACK)

    def stop(self) -> None:
        """Stop every alarm of this INVITE."""
        self._success = None
        self._agent.stop_alarms(self, *InviteAlarm)

    def on_alarm(self, kind: object) -> None:
        """Act on an alarm."""
        assert isinstance(kind, InviteAlarm)
        match kind:
            case InviteAlarm.KEEP_RINGING:
                # Without its description, which is known, and not reliable: a proxy is to see it.
                if not self.requires_reliable:
                    self._agent.respond(self.key, self._response(self._last_code, b""))
                self._agent.start_alarm(self, InviteAlarm.KEEP_RINGING, PROVISIONAL_INTERVAL)
            case InviteAlarm.REPEAT_RELIABLE:
                if response := self._reliable.unacknowledged:
                    self._agent.respond(self.key, response)
                    self._agent.start_alarm(
                        self, InviteAlarm.REPEAT_RELIABLE, self._reliable.interval()
                    )
            case InviteAlarm.NO_PRACK:
                # RFC 3262 section 3: the request is refused with a 5xx.
                self.fail(504)
                self._on_timeout(InviteTimeout.PRACK)
            case InviteAlarm.REPEAT_SUCCESS:
                if self._success is not None:
                    self._agent.respond(self.key, self._success)
                    self._repeat_success()
            case InviteAlarm.NO_ANSWER:
                # RFC 3261 section 13.3.1: 487 for an INVITE that its caller lets expire.
                self.fail(487 if self.request.expires else 480)
                self._on_timeout(InviteTimeout.ANSWER)
            case InviteAlarm.NO_ACK:
                self.stop()
                self._on_timeout(InviteTimeout.ACK)
            case _:
                assert_never(kind)

    def _send_reliable(self, response: Response) -> None:
        self._agent.respond(self.key, response)
        self._agent.start_alarm(self, InviteAlarm.REPEAT_RELIABLE, self._reliable.interval())
        self._agent.start_alarm(self, InviteAlarm.NO_PRACK, self._agent.settings.times.timeout)

    def _repeat_success(self) -> None:
        times = self._agent.settings.times
        self._agent.start_alarm(self, InviteAlarm.REPEAT_SUCCESS, self._interval)
        self._interval = min(2 * self._interval, times.t2)

    def _finish(self) -> None:
        self._has_final = True
        self._reliable.stop()
        self._agent.stop_alarms(
            self,
            InviteAlarm.KEEP_RINGING,
            InviteAlarm.REPEAT_RELIABLE,
            InviteAlarm.NO_PRACK,
            InviteAlarm.NO_ANSWER,
        )

    def _response(self, code: int, body: bytes) -> Response:
        response = reply_to(self.request, code, to_tag=self._dialog.id.local_tag)
        if routes := self.request.headers.getlist("Record-Route"):
            response.headers.setlist("Record-Route", list(routes))
        response.headers.set("Contact", self._dialog.contact)
        response.headers.set("Allow", ALLOW)
        response.headers.set("Supported", SUPPORTED)
        response.body = body
        if body:
            response.headers.set("Content-Type", SDP)
        return response
