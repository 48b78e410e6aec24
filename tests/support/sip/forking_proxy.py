"""A forking proxy of a test (RFC 3261 section 16): several ends answer one INVITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipmessage import CSeq, Request, Response

if TYPE_CHECKING:
    from tests.support.sip.agent_end import AgentEnd


class ForkingProxy:
    """The far end of a `VirtualLink`, behind which several user agents are called at once.

    It passes every 1xx and 2xx on, and a refusal once all have refused.

    Args:
        ends: The user agents.
    """

    def __init__(self, *ends: AgentEnd) -> None:
        self.ends = ends
        self._invite: Request | None = None
        self._refusals: list[Response] = []

    def receive(self, message: Request | Response, now: float) -> list[Request | Response]:
        """Hand a message to all ends, or to the one that its Request-URI names."""
        if isinstance(message, Request) and message.method == "INVITE" and not self._named(message):
            self._invite = message
        sent: list[Request | Response] = []
        for end in self.ends if isinstance(message, Request) else ():
            assert isinstance(message, Request)
            if not self._named(message) or message.uri.user == end.uri.user:
                sent += self._pass(end, end.receive(message, now), now)
        return sent

    def advance(self, now: float) -> list[Request | Response]:
        """Let timers of the ends fire."""
        return [message for end in self.ends for message in self._pass(end, end.advance(now), now)]

    def next_time(self) -> float | None:
        """Time of the next timer of any end."""
        times = [end.next_time() for end in self.ends]
        return min((time for time in times if time is not None), default=None)

    def flush(self) -> list[Request | Response]:
        """Messages that commands at the ends have left behind."""
        return [message for end in self.ends for message in self._pass(end, end.flush(), end.now)]

    def _named(self, message: Request | Response) -> bool:
        return isinstance(message, Request) and message.uri.user in {
            end.uri.user for end in self.ends
        }

    def _pass(
        self, end: AgentEnd, messages: list[Request | Response], now: float
    ) -> list[Request | Response]:
        passed: list[Request | Response] = []
        for message in messages:
            refuses = isinstance(message, Response) and message.code >= 300
            if not refuses or message.cseq.method != "INVITE":
                passed.append(message)
                continue
            assert isinstance(message, Response)
            assert self._invite is not None
            end.receive(_ack(self._invite, message), now)
            self._refusals.append(message)
            if len(self._refusals) == len(self.ends):
                passed.append(message)
        return passed


def _ack(invite: Request, refusal: Response) -> Request:
    ack = Request(method="ACK", uri=invite.uri)
    for name in ("Via", "From", "Call-ID"):
        ack.headers.setlist(name, list(invite.headers.getlist(name)))
    ack.headers.set("To", refusal.headers["To"])
    ack.cseq = CSeq(sequence=invite.cseq.sequence, method="ACK")
    return ack
