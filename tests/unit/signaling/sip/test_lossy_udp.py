"""Calls over UDP of which a fifth of the datagrams is lost and a fifth doubled. In virtual time.

RFC 3261 section 17 has each message repeated until its answer comes: every call ends, at both ends,
and nothing is kept of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from signaling.sip.grammar import parse_uri
from signaling.sip.invite_session import InviteSession
from signaling.sip.outgoing_invite import Forked, OutgoingInvite
from signaling.sip.session_events import Accepted, CallEnded, EndCause
from signaling.sip.transport.opening import open_transport
from signaling.sip.user_agent import IncomingCall, Told
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.sip.agent_shell import AgentShell
from tests.support.sip.lossy_udp import LossyPath

CALLS = 40
#: Seconds: of ringing, of a call, and from one call to the next.
RINGING, TALK, PAUSE = 1.0, 3.0, 0.3
#: Seconds after which nothing of a call is kept: 64*T1 for its end, and again for late messages.
LONGEST = 3 * 32.0 + 10.0


class Ends:
    """What was told of each call, by the object that told it."""

    def __init__(self) -> None:
        self.causes: dict[int, list[EndCause]] = {}
        self.accepted: set[int] = set()
        self._calls: dict[object, int] = {}

    def begin(self, *tellers: object) -> int:
        number = len(self.causes)
        self.causes[number] = []
        for teller in tellers:
            self._calls[teller] = number
        return number

    def note(self, told: Told) -> None:
        match told.event:
            case Forked(session):
                self._calls[session] = self._calls[told.teller]
            case Accepted():
                self.accepted.add(self._calls[told.teller])
            case CallEnded(cause=cause):
                self.causes[self._calls[told.teller]].append(cause)
            case _:
                pass


#: Ends of which the caller may be told: it hung up, the called end did as no ACK came (RFC 3261
#: section 13.3.1.4), the INVITE had no answer (17.1.1.2), or a request within the call (12.2.1.2).
ENDS = {EndCause.LOCAL, EndCause.REMOTE, EndCause.REFUSED, EndCause.TIMED_OUT}


@pytest.mark.parametrize(("loss", "seed", "least"), [(0.2, 1, 0.9), (0.2, 2, 0.9), (0.65, 3, 0.3)])
@in_virtual_time
async def test_every_call_over_lossy_udp_ends_at_both_ends_and_is_forgotten(
    loss: float, seed: int, least: float
) -> None:
    loop = asyncio.get_running_loop()
    outgoing, incoming = Ends(), Ends()

    def react_calling(told: Told) -> None:
        outgoing.note(told)
        if isinstance(told.event, Accepted):
            session = told.teller
            assert isinstance(session, InviteSession)
            loop.call_later(TALK, later, caller, session.hang_up)

    def react_called(told: Told) -> None:
        if isinstance(told.event, IncomingCall):
            session = told.event.session
            incoming.begin(session)
            session.progress(180)
            loop.call_later(RINGING, later, called, lambda: session.accept("answer"))
        else:
            incoming.note(told)

    def later(end: AgentShell, command: object) -> None:
        assert callable(command)
        command()
        tasks.append(asyncio.create_task(end.flush()))

    tasks: list[asyncio.Task[None]] = []
    async with (
        LossyPath(seed=seed, loss=loss) as path,
        await open_transport(path.back_url) as there,
        await open_transport(path.url) as here,
        AgentShell(there, "sip:bob@example.org", react=react_called) as called,
        AgentShell(here, "sip:ann@example.org", react=react_calling) as caller,
    ):
        path.reach(there.via.port)
        for _ in range(CALLS):
            invite: OutgoingInvite = caller.agent.invite(
                parse_uri("sip:bob@example.org"), sdp="offer"
            )
            outgoing.begin(invite)
            await caller.flush()
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(RINGING + TALK + LONGEST)
        await asyncio.gather(*tasks)
    assert path.counts["lost"] > path.counts.total() * loss / 2
    assert path.counts["doubled"] > CALLS / 2
    # Each call has ended once at the caller, and once at the called end where it came there.
    assert [len(causes) for causes in outgoing.causes.values()] == [1] * CALLS
    assert [len(causes) for causes in incoming.causes.values()] == [1] * len(incoming.causes)
    assert len(incoming.causes) <= CALLS
    ends = Counter(cause for causes in outgoing.causes.values() for cause in causes)
    assert ends.keys() <= ENDS
    assert CALLS * least <= len(outgoing.accepted) <= CALLS - ends[EndCause.REFUSED]
    for end in (caller, called):
        assert not any(end.agent.kept.values())
