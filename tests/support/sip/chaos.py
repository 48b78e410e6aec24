"""Two SIP user agents whose applications act by chance, over a link that loses and doubles."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from sipmessage import Response

from signaling.sip.agent_port import AgentSettings
from signaling.sip.errors import SipUsageError
from signaling.sip.invite_session import InviteSession
from signaling.sip.outgoing_invite import Forked, OutgoingInvite
from signaling.sip.session_events import (
    CallEnded,
    OfferPossible,
    OfferReceived,
    OfferWanted,
    ReferReceived,
    RefreshWanted,
)
from signaling.sip.session_state import SessionState
from signaling.sip.session_timer import SessionTimerPolicy
from signaling.sip.user_agent import IncomingCall, Told
from tests.support.sip.agent_end import AgentEnd, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sipmessage import Request

#: Seconds after which nothing of a call that is over may be left (RFC 3261: 64*T1 for each of the
#: transactions that follow each other: INVITE, BYE, and what they cross).
QUIET = 4 * 32.0
#: Seconds in which open ends come to agree, and in which no session timer ends a call for them.
CALM = 150.0


class Chaos:
    """A pair of ends that call each other, and do what chance says.

    Args:
        seed: Seed of all chance.
        loss: Part of the messages that is lost, and part that is doubled.
    """

    def __init__(self, seed: int, *, loss: float) -> None:
        self.random = random.Random(seed)
        self._loss = loss
        self.sessions: list[InviteSession] = []
        self.invites: list[OutgoingInvite] = []
        transport = self.random.choice(["UDP", "TCP"])
        ends = [
            AgentEnd(
                name,
                transport=transport,
                react=self._react,
                chance=self.random.random,
                settings=AgentSettings(
                    ring_timeout=self.random.choice([20.0, 60.0]),
                    session_timer=SessionTimerPolicy(
                        interval=self.random.choice([None, 300, 1800])
                    ),
                    is_reliable=self.random.random() < 0.7,
                ),
            )
            for name in ("ann", "bob")
        ]
        self.pair = Pair(ends[0], ends[1], path=self._path if transport == "UDP" else self._late)

    def run(self, steps: int) -> None:
        """Let both applications act by chance, then calm the link and hang everything up."""
        for _ in range(steps):
            self.act()
            self.pair.run(self.random.choice([0.01, 0.1, 1.0, 5.0, 40.0]))
        self.calm()

    def calm(self) -> None:
        """Let what is open come to its end over a link that loses nothing."""
        self.pair.link.path = self._late
        for end in (self.pair.caller, self.pair.called):
            end.react = self._answer
        self.pair.run(CALM)

    def hang_up(self) -> None:
        """End every call and INVITE that is not over, and wait."""
        for invite in self.invites:
            invite.cancel()
        for session in self.sessions:
            session.hang_up()
        self.pair.run(QUIET)

    def twins(self) -> list[tuple[InviteSession, InviteSession]]:
        """Sessions of both ends that are one call."""
        named = {
            (s.dialog.id.call_id, s.dialog.id.local_tag, s.dialog.id.remote_tag): s
            for s in self.sessions
        }
        return [
            (session, named[call, remote, local])
            for (call, local, remote), session in named.items()
            if (call, remote, local) in named and session.is_caller
        ]

    def ends_told(self) -> dict[int, int]:
        """How often each session was told to be over."""
        counts = {id(session): 0 for session in self.sessions}
        for end in (self.pair.caller, self.pair.called):
            for told in end.told:
                if isinstance(told.event, CallEnded) and id(told.teller) in counts:
                    counts[id(told.teller)] += 1
        return counts

    def answers_to(self, method: str) -> list[int]:
        """Status codes of all responses to requests of a method."""
        return [
            message.code
            for _, _, message in self.pair.link.sent
            if isinstance(message, Response) and message.cseq.method == method
        ]

    def _path(self, message: Request | Response) -> Sequence[float]:
        del message
        copies = 0 if self.random.random() < self._loss else 1
        copies += self.random.random() < self._loss
        return [self.random.uniform(0.01, 0.9) for _ in range(copies)]

    def _late(self, message: Request | Response) -> Sequence[float]:
        del message
        return (0.05,)

    def act(self) -> None:
        """Let one of the applications do something by chance."""
        end = self.random.choice([self.pair.caller, self.pair.called])
        try:
            match self.random.randrange(9):
                case 0 | 1:
                    other = self.pair.called if end is self.pair.caller else self.pair.caller
                    sdp = self.random.choice(["", "offer"])
                    self.invites.append(end.agent.invite(other.uri, sdp=sdp))
                case 2 if self.invites:
                    self.random.choice(self.invites).cancel()
                case 3 if self.sessions:
                    self.random.choice(self.sessions).hang_up()
                case 4 | 5 if self.sessions:
                    self.random.choice(self.sessions).offer("another offer")
                case 6 if self.sessions:
                    self.random.choice(self.sessions).send_tone("5")
                case 7 if self.sessions:
                    self.random.choice(self.sessions).accept("answer")
                case 8 if self.sessions:
                    self._refer(end)
                case _:
                    pass
        except SipUsageError:
            # What cannot be now is refused by name, and sends nothing.
            return

    def _refer(self, end: AgentEnd) -> None:
        session = self.random.choice(self.sessions)
        if session.state is SessionState.CONFIRMED and session in end.known:
            refer = session.dialog.request("REFER")
            refer.headers.set("Refer-To", "<sip:carol@example.org>")
            end.agent.send_request(refer, lambda _own, _response: None, dialog=session.dialog)

    def _react(self, end: AgentEnd, told: Told) -> None:
        self._note(told)
        if self.random.random() < 0.2:
            return
        try:
            self._choose(end, told)
        except SipUsageError:
            return

    def _answer(self, end: AgentEnd, told: Told) -> None:
        """React so that everything comes to its end."""
        del end
        self._note(told)
        try:
            match told.event:
                case OfferReceived() if isinstance(told.teller, InviteSession):
                    told.teller.answer("answer")
                case OfferWanted() | RefreshWanted() if isinstance(told.teller, InviteSession):
                    told.teller.offer("offer")
                case _:
                    return
        except SipUsageError:
            return

    def _note(self, told: Told) -> None:
        if isinstance(told.event, IncomingCall | Forked):
            self.sessions.append(told.event.session)

    def _choose(self, end: AgentEnd, told: Told) -> None:
        del end
        session = told.teller
        match told.event:
            case IncomingCall(session=incoming):
                self._ring(incoming)
            case OfferReceived() if isinstance(session, InviteSession):
                if self.random.random() < 0.7:
                    session.answer("answer")
                else:
                    session.refuse()
            case OfferWanted() | OfferPossible() | RefreshWanted() if isinstance(
                session, InviteSession
            ):
                session.offer("offer")
            case ReferReceived(number=number) if isinstance(session, InviteSession):
                session.accept_refer(number)
                session.report_refer(number, code=self.random.choice([180, 200, 486]))
            case _:
                return

    def _ring(self, session: InviteSession) -> None:
        choice = self.random.randrange(6)
        if choice == 0:
            session.reject(self.random.choice([302, 486, 603]))
            return
        if choice in (1, 2):
            session.progress(180)
        if choice in (2, 3):
            session.progress(183, sdp="early")
        if choice in (1, 2, 3, 4) and self.random.random() < 0.7:
            session.accept("" if choice in (2, 3) and session.takes_reliable else "answer")
