"""A SIP user agent at one end of a `VirtualLink`: it notes its events, and acts as a test says."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, TypeVar

from sipmessage import URI, Request, Response, Via

from signaling.sip.invite_session import InviteSession
from signaling.sip.user_agent import AgentEvent, IncomingCall, Told, UserAgent
from tests.support.sip.virtual_link import Path, VirtualLink, perfect

if TYPE_CHECKING:
    from signaling.sip.agent_port import AgentSettings, Authenticator
    from signaling.sip.outgoing_invite import OutgoingInvite

Wanted = TypeVar("Wanted")
#: Reaction of the application at an end to an event.
Reaction = Callable[["AgentEnd", Told], None]


class AgentEnd:
    """One user agent, and what it has told.

    Args:
        name: Its user and host.
        transport: UDP or TCP.
        react: Called with each event.
        settings: Settings of the user agent.
        authenticator: Its answers to challenges.
        chance: Chance of the user agent.
    """

    def __init__(
        self,
        name: str,
        *,
        transport: str = "UDP",
        react: Reaction = lambda _end, _told: None,
        settings: AgentSettings | None = None,
        authenticator: Authenticator | None = None,
        chance: Callable[[], float] = lambda: 0.5,
    ) -> None:
        self.now = 0.0
        self.told: list[Told] = []
        self.react = react
        self.uri = URI.parse(f"sip:{name}@{name}.example.org")
        self._session: InviteSession | None = None
        self.agent = UserAgent(
            via=Via(transport, f"{name}.example.org"),
            contact=f"<sip:{name}@{name}.example.org;transport={transport.lower()}>",
            aor=f"<sip:{name}@example.org>",
            clock=lambda: self.now,
            settings=settings,
            authenticator=authenticator,
            chance=chance,
        )

    @property
    def known(self) -> list[InviteSession]:
        """Every session that an event belonged to."""
        sessions: list[InviteSession] = []
        for told in self.told:
            teller = told.event.session if isinstance(told.event, IncomingCall) else told.teller
            if isinstance(teller, InviteSession) and teller not in sessions:
                sessions.append(teller)
        return sessions

    @property
    def session(self) -> InviteSession:
        """The last session that an event belonged to."""
        if self._session is None:
            raise LookupError("there was no session")
        return self._session

    def events(self, kind: type[Wanted], teller: Hashable | None = None) -> list[Wanted]:
        """Events of a kind, of one teller or of all."""
        return [
            told.event
            for told in self.told
            if isinstance(told.event, kind) and (teller is None or told.teller == teller)
        ]

    def names(self) -> list[str]:
        """Names of the events in order."""
        return [type(told.event).__name__ for told in self.told]

    def receive(self, message: Request | Response, now: float) -> list[Request | Response]:
        """Take a message from the link."""
        self.now = now
        self.agent.receive(message)
        return self.flush()

    def advance(self, now: float) -> list[Request | Response]:
        """Let timers fire."""
        self.now = now
        self.agent.advance()
        return self.flush()

    def next_time(self) -> float | None:
        """Time of the next timer."""
        return self.agent.next_time()

    def flush(self) -> list[Request | Response]:
        """Carry out what the user agent wants, and let the application react."""
        sent: list[Request | Response] = []
        while outputs := self.agent.take():
            for output in outputs:
                if isinstance(output, Told):
                    self.told.append(output)
                    if isinstance(output.event, IncomingCall):
                        self._session = output.event.session
                    elif isinstance(output.teller, InviteSession):
                        self._session = output.teller
                    self.react(self, output)
                else:
                    sent.append(output.message)
        return sent


class Pair:
    """A caller and a called end, and the link between them.

    Args:
        caller: The end that calls.
        called: The other end.
        path: What happens to messages.
    """

    def __init__(self, caller: AgentEnd, called: AgentEnd, *, path: Path = perfect) -> None:
        self.caller, self.called = caller, called
        self.link = VirtualLink(caller, called, path=path)

    def call(self, *, sdp: str = "offer", keeps_all: bool = False) -> OutgoingInvite:
        """Begin a call."""
        self.caller.now = self.link.now
        invite = self.caller.agent.invite(self.called.uri, sdp=sdp, keeps_all=keeps_all)
        self.flush()
        return invite

    def flush(self) -> None:
        """Send what commands have left behind."""
        for number, end in enumerate((self.caller, self.called)):
            self.link.send(number, end.flush())

    def run(self, seconds: float = 1.0) -> None:
        """Send what commands have left behind, and let time pass."""
        for end in (self.caller, self.called):
            end.now = self.link.now
        self.flush()
        self.link.run(self.link.now + seconds)
        for end in (self.caller, self.called):
            end.now = self.link.now

    @property
    def kept(self) -> dict[str, int]:
        """What both ends keep, where it is more than nothing."""
        found = {
            f"{name} of {end.uri.user}": count
            for end in (self.caller, self.called)
            for name, count in end.agent.kept.items()
        }
        return {name: count for name, count in found.items() if count}


def answering(sdp: str = "answer", *, ring: bool = True) -> Reaction:
    """Application that accepts each call, and answers each offer."""

    def react(end: AgentEnd, told: Told) -> None:
        event: AgentEvent = told.event
        if isinstance(event, IncomingCall):
            if ring:
                event.session.progress(180)
            event.session.accept(sdp)

    return react
