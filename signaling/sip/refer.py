"""REFER requests within a SIP call (RFC 3515): a transfer that the application takes or refuses.

PURE: the result of the transfer goes back in NOTIFY requests with the status line of the new call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signaling.sip.errors import SipUsageError
from signaling.sip.grammar import parse_address, split_values, uri_text
from signaling.sip.replies import REASON_PHRASES, reply_to
from signaling.sip.session_events import ReferReceived

if TYPE_CHECKING:
    from sipmessage import Request, Response

    from signaling.sip.agent_port import AgentPort, OwnRequest
    from signaling.sip.dialog import Dialog
    from signaling.sip.transactions.keys import ServerKey

#: Bound on the transfers of one call whose result is open (ours).
MAX_REFERS: Final = 4
#: Seconds for which a NOTIFY says that the transfer is watched (ours: longer than a call rings).
_SUBSCRIPTION: Final = 240
_SIPFRAG: Final = "message/sipfrag;version=2.0"


@dataclass(slots=True)
class _Refer:
    key: ServerKey
    request: Request
    is_accepted: bool = False


class Transfers:
    """The REFER requests of one call.

    Args:
        agent: The user agent.
        dialog: Dialog of the call.
    """

    def __init__(self, agent: AgentPort, dialog: Dialog) -> None:
        self._agent = agent
        self._dialog = dialog
        self._open: dict[int, _Refer] = {}

    def receive(self, key: ServerKey, request: Request) -> ReferReceived | None:
        """Take a REFER request; None where it is answered with an error."""
        try:
            (target,) = [
                value
                for text in request.headers.getlist("Refer-To")
                for value in split_values(text)
            ]
            parse_address(target)
        except ValueError:
            # RFC 3515 section 2.4.2: exactly one.
            self._agent.respond(key, reply_to(request, 400, phrase="Bad Refer-To"))
            return None
        if len(self._open) >= MAX_REFERS:
            self._agent.respond(key, reply_to(request, 503))
            return None
        number = request.cseq.sequence
        self._open[number] = _Refer(key, request)
        return ReferReceived(
            number=number,
            target=uri_text(target),
            referred_by=request.headers.get("Referred-By", "") or "",
        )

    def accept(self, number: int) -> None:
        """Answer a REFER with 202, and say that the transfer is tried.

        Raises:
            SipUsageError: There is no such REFER, or it is answered.
        """
        refer = self._unanswered(number)
        response = reply_to(refer.request, 202)
        response.headers.set("Contact", self._dialog.contact)
        if not self._agent.respond(refer.key, response):
            del self._open[number]
            raise SipUsageError(f"REFER {number} was answered too late")
        refer.is_accepted = True
        self._notify(number, code=100)

    def refuse(self, number: int, *, code: int) -> None:
        """Answer a REFER with an error.

        Raises:
            SipUsageError: There is no such REFER, or it is answered.
        """
        refer = self._unanswered(number)
        del self._open[number]
        self._agent.respond(refer.key, reply_to(refer.request, code))

    def report(self, number: int, *, code: int) -> None:
        """Tell how the transfer goes on: the status code of the new call; 200 or more ends it.

        Raises:
            SipUsageError: There is no such transfer.
        """
        refer = self._open.get(number)
        if refer is None or not refer.is_accepted:
            raise SipUsageError(f"there is no accepted REFER with number {number}")
        if code >= 200:
            del self._open[number]
        self._notify(number, code=code)

    def stop(self) -> None:
        """Refuse what is not answered: the call is over."""
        for refer in self._open.values():
            if not refer.is_accepted:
                self._agent.respond(refer.key, reply_to(refer.request, 487))
        self._open.clear()

    def _unanswered(self, number: int) -> _Refer:
        refer = self._open.get(number)
        if refer is None or refer.is_accepted:
            raise SipUsageError(f"there is no unanswered REFER with number {number}")
        return refer

    def _notify(self, number: int, *, code: int) -> None:
        line = f"SIP/2.0 {code} {REASON_PHRASES.get(code, 'Status')}\r\n"
        notify = self._dialog.request("NOTIFY", body=line.encode("ascii"), content_type=_SIPFRAG)
        notify.headers.set("Event", f"refer;id={number}")
        ended = code >= 200
        state = "terminated;reason=noresource" if ended else f"active;expires={_SUBSCRIPTION}"
        notify.headers.set("Subscription-State", state)
        self._agent.send_request(notify, self._on_response, dialog=self._dialog)

    def _on_response(self, own: OwnRequest, response: Response) -> None:
        # RFC 3515 section 2.4.4: without a subscription there is nobody to tell any more.
        if response.code == 481:
            value = own.request.headers.get("Event", "") or ""
            self._open.pop(int(value.rpartition("=")[2]), None)
