"""The first INVITE of a call of ours, and the sessions that its forks begin. PURE.

RFC 3261 sections 13.2 and 9.1: one INVITE, several answerers, each in a dialog of its own; the
first 2xx is kept, or every one.
"""

from __future__ import annotations

import logging
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from peer.values import dataclass
from signaling.sip import session_timer
from signaling.sip.copies import renumbered
from signaling.sip.dialog import Dialog, DialogError
from signaling.sip.invite_session import InviteSession
from signaling.sip.replies import tag_of
from signaling.sip.session_events import CallEnded, EndCause, Progressed

if TYPE_CHECKING:
    from sipmessage import Request, Response

    from signaling.sip.agent_port import AgentPort, OwnRequest

_logger = logging.getLogger(__name__)

#: Bound on the forks of one INVITE (ours); responses of further ones are not taken.
MAX_FORKS: Final = 32


class _Alarm(Enum):
    RING = auto()


@dataclass(frozen=True, slots=True)
class Forked:
    """Another answerer of an INVITE of ours has begun a dialog: its session tells what follows."""

    session: InviteSession


class OutgoingInvite:
    """The first INVITE of a call.

    It tells `Forked` for each answerer, `Progressed` for responses without a dialog, and
    `CallEnded` when no answerer is left; a session tells `Accepted`.

    Args:
        agent: The user agent.
        request: The INVITE.
        keeps_all: Each fork that accepts is kept; otherwise all but the first get BYE.
    """

    def __init__(self, agent: AgentPort, request: Request, *, keeps_all: bool) -> None:
        self.sessions: dict[str, InviteSession] = {}
        self._agent = agent
        self._keeps_all = keeps_all
        self._policy = agent.settings.session_timer
        self._is_over = False
        self._is_accepted = False
        #: Forks that are kept; those to come are not, once it is decided.
        self._kept: list[InviteSession] = []
        self._is_decided = False
        session_timer.ask(request, self._policy, current=None)
        self._own = self._send(request)
        agent.start_alarm(self, _Alarm.RING, agent.settings.ring_timeout)

    @property
    def call_id(self) -> str:
        """Call-ID of the INVITE, and of each of its forks."""
        return self._own.request.headers["Call-ID"]

    def cancel(self) -> None:
        """Cancel the whole INVITE, or hang up what it has become; who accepts later gets BYE."""
        if self._is_accepted:
            self._kept, self._is_decided = [], True
            for session in self.sessions.values():
                session.hang_up()
        elif not self._is_over:
            self._agent.cancel(self._own)
            self._finish(EndCause.LOCAL)

    def keep(self, *sessions: InviteSession) -> None:
        """Keep these forks, early or not, and end the others by BYE, those to come as well."""
        if not sessions:
            self.cancel()
            return
        self._kept, self._is_decided = list(sessions), True
        for other in self.sessions.values():
            if other not in self._kept:
                other.end_other_fork()

    def on_alarm(self, kind: object) -> None:
        """Cancel the INVITE, which has rung long enough."""
        assert kind is _Alarm.RING
        if not self._is_accepted and not self._is_over:
            self._agent.cancel(self._own)
            self._finish(EndCause.TIMED_OUT, status=408, reason="nobody has answered")

    def _send(self, request: Request) -> OwnRequest:
        own = self._agent.send_request(request, self._on_response)
        own.on_ended = self._on_ended
        return own

    def _on_response(self, own: OwnRequest, response: Response) -> None:
        if own is not self._own:
            return
        if response.code < 200:
            self._provisional(own, response)
        elif response.code < 300:
            self._success(own, response)
        else:
            self._failure(own, response)

    def _provisional(self, own: OwnRequest, response: Response) -> None:
        if self._is_over:
            return
        tag = tag_of(response.headers["To"])
        if tag and self._is_decided and self.sessions.get(tag) not in self._kept:
            return
        session = self._session(own, response) if tag else None
        if session is not None:
            session.take_provisional(own, response)
        else:
            self._agent.tell(
                self,
                Progressed(status=response.code, reason=response.phrase, response=response),
            )

    def _success(self, own: OwnRequest, response: Response) -> None:
        self._agent.stop_alarms(self, _Alarm.RING)
        tag = tag_of(response.headers["To"]) or ""
        known = self.sessions.get(tag)
        # A fork that was hung up while it rang may accept before our BYE is there.
        is_over = self._is_over or (known is not None and known.is_over)
        is_wanted = not is_over and (not self._is_decided or known in self._kept)
        session = self._session(own, response, is_wanted=is_wanted)
        if session is None:
            return
        if not is_wanted and not session.dialog.is_confirmed:
            _logger.info("SIP: another end has accepted too late, and gets BYE: %s", tag)
            session.decline_success(own, response)
            return
        if is_wanted:
            self._is_accepted = True
            if not self._keeps_all and not self._is_decided:
                self._kept, self._is_decided = [session], True
        session.take_success(own, response)
        if self._is_decided:
            for other in self.sessions.values():
                if other not in self._kept:
                    other.drop(EndCause.OTHER_FORK)

    def _failure(self, own: OwnRequest, response: Response) -> None:
        if self._is_over or self._is_accepted:
            return
        if response.code == 422 and not own.is_cancelled:
            raised = session_timer.raised(response, self._policy)
            if raised is not None:
                self._policy = raised
                request = renumbered(own.request, sequence=own.request.cseq.sequence + 1)
                session_timer.ask(request, raised, current=None)
                self._own = self._send(request)
                return
        self._finish(
            EndCause.REFUSED,
            status=response.code,
            reason=own.failure or response.phrase,
            response=response,
        )

    def _session(
        self, own: OwnRequest, response: Response, *, is_wanted: bool = True
    ) -> InviteSession | None:
        tag = tag_of(response.headers["To"]) or ""
        known = self.sessions.get(tag)
        if known is not None and not (known.is_over and not known.dialog.is_confirmed):
            return known
        if known is None and len(self.sessions) >= MAX_FORKS:
            return None
        if known is not None and response.code < 200:
            # It was dropped, and goes on ringing.
            return None
        try:
            # A fork that was dropped has used numbers, of PRACKs: its dialog goes on with them.
            dialog = known.dialog if known else Dialog.of_caller(own.request, response)
        except DialogError:
            return None
        session = InviteSession(self._agent, dialog, own.request)
        self.sessions[tag] = session
        self._agent.adopt(session)
        if is_wanted:
            self._agent.tell(self, Forked(session))
        return session

    def _on_ended(self) -> None:
        """End what is early still: no response can come any more."""
        self._agent.stop_alarms(self, _Alarm.RING)
        for session in self.sessions.values():
            session.drop(EndCause.OTHER_FORK)

    def _finish(
        self,
        cause: EndCause,
        *,
        status: int = 0,
        reason: str = "",
        response: Response | None = None,
    ) -> None:
        self._is_over = True
        self._agent.stop_alarms(self, _Alarm.RING)
        for session in self.sessions.values():
            session.drop(cause, status=status, reason=reason)
        self._agent.tell(
            self, CallEnded(cause=cause, status=status, reason=reason, response=response)
        )
