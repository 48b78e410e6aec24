"""A forking proxy of a test (RFC 3261 section 16): several ends answer one INVITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sipmessage import CSeq, Request, Response

from tests.support.sip.virtual_link import Path, VirtualLink, perfect

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class ForkedCall:
    """A caller, the ends behind a proxy that its INVITE goes to, and the link between them.

    Args:
        ann: The end that calls.
        called: The others.
        path: What happens to messages.
    """

    def __init__(self, ann: AgentEnd, called: Sequence[AgentEnd], *, path: Path = perfect) -> None:
        self.ann, self.called = ann, called
        self.proxy = ForkingProxy(*called)
        self.link = VirtualLink(ann, self.proxy, path=path)

    def run(self, seconds: float = 1.0) -> None:
        """Send what commands have left behind, and let time pass."""
        for end in (self.ann, *self.called):
            end.now = self.link.now
        self.link.send(0, self.ann.flush())
        self.link.send(1, self.proxy.flush())
        self.link.run(self.link.now + seconds)
        for end in (self.ann, *self.called):
            end.now = self.link.now


def _ack(invite: Request, refusal: Response) -> Request:
    ack = Request(method="ACK", uri=invite.uri)
    for name in ("Via", "From", "Call-ID"):
        ack.headers.setlist(name, list(invite.headers.getlist(name)))
    ack.headers.set("To", refusal.headers["To"])
    ack.cseq = CSeq(sequence=invite.cseq.sequence, method="ACK")
    return ack
