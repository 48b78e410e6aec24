"""Session timer of one call (RFC 4028): refreshes it by UPDATE, or ends it where none comes.

PURE. `session_timer.py` has what the headers say.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, assert_never

from signaling.sip import session_timer
from signaling.sip.agent_port import ALLOW, SUPPORTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipmessage import Request, Response

    from signaling.sip.agent_port import AgentPort, OwnRequest
    from signaling.sip.dialog import Dialog
    from signaling.sip.session_timer import SessionTimer, SessionTimerPolicy


class RefreshAlarm(Enum):
    """Alarm of a session timer."""

    REFRESH = auto()
    EXPIRY = auto()


class SessionRefresher:
    """Session timer of one call.

    Args:
        agent: The user agent.
        dialog: Dialog of the call.
        takes_update: Tells if the other end takes UPDATE.
        on_wanted: Called when a re-INVITE is to refresh the call: the other end takes no UPDATE.
        on_expired: Called with a sentence when the call has to end.
    """

    def __init__(
        self,
        agent: AgentPort,
        dialog: Dialog,
        *,
        takes_update: Callable[[], bool],
        on_wanted: Callable[[], None],
        on_expired: Callable[[str], None],
    ) -> None:
        self._agent = agent
        self._dialog = dialog
        self._takes_update = takes_update
        self._on_wanted = on_wanted
        self._on_expired = on_expired
        self._timer: SessionTimer | None = None
        self._asked: OwnRequest | None = None
        #: The time for a refresh has come, and none was answered yet.
        self._is_due = False
        #: What this end wishes for; a 422 raises it.
        self.policy: SessionTimerPolicy = agent.settings.session_timer

    @property
    def timer(self) -> SessionTimer | None:
        """Timer that both ends have agreed on."""
        return self._timer

    def ask(self, request: Request) -> None:
        """Write what we know, and the wish for a session timer, into a request of ours."""
        request.headers.set("Allow", ALLOW)
        request.headers.set("Supported", SUPPORTED)
        session_timer.ask(request, self.policy, current=self._timer)

    def start(self, timer: SessionTimer | None) -> None:
        """Run the timer that a 2xx to an INVITE or UPDATE has agreed on, from now on."""
        self._timer = timer
        self._is_due = False
        self._agent.stop_alarms(self, *RefreshAlarm)
        if timer is not None:
            kind = RefreshAlarm.REFRESH if timer.is_refresher else RefreshAlarm.EXPIRY
            self._agent.start_alarm(self, kind, timer.due)

    def stop(self) -> None:
        """Stop the session timer: the call is over."""
        self.start(None)

    def raise_to(self, response: Response) -> bool:
        """Take the Min-SE of a 422; False where it asks for nothing that helps."""
        raised = session_timer.raised(response, self.policy)
        if raised is None:
            return False
        self.policy = raised
        if self._timer is not None and self._timer.interval < raised.min_se:
            self._timer = session_timer.SessionTimer(
                interval=raised.min_se, is_refresher=self._timer.is_refresher
            )
        return True

    def on_alarm(self, kind: object) -> None:
        """Refresh the call, or end it."""
        assert isinstance(kind, RefreshAlarm)
        match kind:
            case RefreshAlarm.REFRESH:
                assert self._timer is not None
                if not self._is_due:
                    self._is_due = True
                    left = self._timer.last - self._timer.due
                    self._agent.start_alarm(self, RefreshAlarm.EXPIRY, left)
                if self._takes_update():
                    self._refresh()
                else:
                    self._on_wanted()
            case RefreshAlarm.EXPIRY:
                self._on_expired("the session timer has run out without a refresh")
            case _:
                assert_never(kind)

    def _refresh(self) -> None:
        # Without a description it changes nothing, and may cross an offer (RFC 4028 section 7.4).
        update = self._dialog.request("UPDATE")
        self.ask(update)
        self._asked = self._agent.send_request(update, self._on_response, dialog=self._dialog)

    def _on_response(self, own: OwnRequest, response: Response) -> None:
        if own is not self._asked or self._timer is None or response.code < 200:
            return
        self._asked = None
        if response.code < 300:
            self._dialog.refresh_target(response)
            self.start(session_timer.agreed(response))
        elif response.code == 422 and self.raise_to(response):
            self._refresh()
        elif response.code in (408, 481):
            self._on_expired(f"the refresh of the call was answered {response.code}")
        elif response.code in (405, 501):
            # Against what Allow said.
            self._on_wanted()
        else:
            # Such as a 503 of our own while the transport is away: again, until the call expires.
            self._agent.start_alarm(self, RefreshAlarm.REFRESH, 2 + 2 * self._agent.chance())
