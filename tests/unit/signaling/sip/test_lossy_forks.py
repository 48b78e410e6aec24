"""Forks of SIP INVITEs over a lossy link, kept and dropped by chance: each ends at both ends."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from sipmessage import URI, Request, Response

from signaling.sip.errors import SipUsageError
from signaling.sip.outgoing_invite import Forked
from signaling.sip.session_events import CallEnded
from signaling.sip.session_state import SessionState
from signaling.sip.user_agent import IncomingCall, Told
from tests.support.sip.agent_end import AgentEnd
from tests.support.sip.forking_proxy import ForkedCall

if TYPE_CHECKING:
    from signaling.sip.invite_session import InviteSession

#: Seeds that run here; SIP_SEEDS=2000 runs more by hand.
SEEDS = range(int(os.environ.get("SIP_SEEDS", "40")))


class LossyForks(ForkedCall):
    """Ann calls three ends at once; who answers, and whom she keeps, is chance."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        ann, *called = (
            AgentEnd(name, react=self._note, chance=self.random.random)
            for name in ("ann", "bob", "carol", "dave")
        )
        super().__init__(ann, called, path=self._path)
        self.sessions: list[InviteSession] = []
        self.invite = self.ann.agent.invite(
            URI.parse("sip:all@example.org"), sdp="offer", keeps_all=self.random.random() < 0.5
        )

    def act(self) -> None:
        """Do something at one of the ends."""
        forks = list(self.invite.sessions.values())
        try:
            match self.random.randrange(8):
                case 0 if self.random.random() < 0.3:
                    self.invite.cancel()
                case 1 if forks:
                    self.invite.keep(*self.random.sample(forks, self.random.randint(1, len(forks))))
                case 2 if forks:
                    self.random.choice(forks).hang_up()
                case 3 | 4 | 5 if self.sessions:
                    self.random.choice(self.sessions).accept("answer")
                case 6 if self.sessions:
                    session = self.random.choice(self.sessions)
                    session.progress(183, sdp="early", is_reliable=self.random.random() < 0.5)
                case 7 if self.sessions:
                    self.random.choice(self.sessions).hang_up()
                case _:
                    return
        except SipUsageError:
            return

    def calm(self) -> None:
        """Lose nothing any more, and let what is open come to its end."""
        self.link.path = lambda _: (0.05,)
        self.run(300.0)

    def _path(self, message: Request | Response) -> Sequence[float]:
        del message
        copies = (self.random.random() > 0.15) + (self.random.random() < 0.15)
        return [self.random.uniform(0.01, 0.6) for _ in range(copies)]

    def _note(self, end: AgentEnd, told: Told) -> None:
        del end
        if isinstance(told.event, IncomingCall):
            self.sessions.append(told.event.session)
            if self.random.random() < 0.7:
                told.event.session.progress(180)


@pytest.mark.parametrize("seed", SEEDS)
def test_forks_over_a_lossy_link_end_alike_at_both_ends(seed: int) -> None:
    forks = LossyForks(seed)
    for _ in range(12):
        forks.run(forks.random.choice([0.02, 0.2, 1.0, 8.0]))
        forks.act()
    forks.calm()
    told = forks.ann.events(Forked)
    ours = {fork.session.dialog.id.remote_tag: fork.session for fork in told}
    assert len(ours) == len(told)
    for session in forks.sessions:
        twin = ours.get(session.dialog.id.local_tag)
        stands = twin is not None and twin.state is SessionState.CONFIRMED
        assert (session.state is SessionState.CONFIRMED) is stands, session.dialog.id
    forks.invite.cancel()
    for session in [*ours.values(), *forks.sessions]:
        session.hang_up()
    forks.run(140.0)
    for end in (forks.ann, *forks.called):
        assert not any(end.agent.kept.values()), end.uri
    for session in [*ours.values(), *forks.sessions]:
        ends = [t for e in (forks.ann, *forks.called) for t in e.told if t.teller is session]
        assert sum(isinstance(t.event, CallEnded) for t in ends) == 1
    answers = [m for _, _, m in forks.link.sent if isinstance(m, Response)]
    assert {m.code for m in answers if m.cseq.method == "BYE"} <= {200, 481}
