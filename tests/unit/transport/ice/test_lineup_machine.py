"""Restarts, failures and rollbacks in any order: nobody is lost, and what works carries."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from peer.states import IceTransportState
from peer.transport.ice.lineup import MAX_RETIRED, Heard, Leaving, Lineup

UP = {IceTransportState.CONNECTED, IceTransportState.COMPLETED}
FAILED = IceTransportState.FAILED
#: What a generation that has begun can become; none comes back from `failed`.
BEGUN = [
    IceTransportState.CHECKING,
    *sorted(UP),
    IceTransportState.DISCONNECTED,
    FAILED,
]


@dataclass(eq=False)
class Member:
    name: str
    state: IceTransportState = IceTransportState.NEW
    nominated: bool = False
    heard: Heard = Heard.NEVER


class Restarts(RuleBasedStateMachine):
    """Every generation that was ever made is in the lineup, or was closed once."""

    def __init__(self) -> None:
        super().__init__()
        self.names = map(str, itertools.count())
        first = Member(next(self.names))
        self.made = [first]
        self.closed: list[Member] = []
        self.lineup = Lineup(first)

    def take(self, leaving: Leaving[Member]) -> None:
        for member in leaving.retired:
            assert member in self.lineup.retired
        self.closed += leaving.closed

    def settle(self) -> None:
        former = self.lineup.current
        worked = former.state in UP
        self.take(self.lineup.settle())
        if worked and self.lineup.current is not former:
            assert self.lineup.current.state in UP
            assert self.lineup.current.nominated

    @rule()
    def prepare(self) -> None:
        member = Member(next(self.names))
        self.made.append(member)
        self.take(self.lineup.prepare(member))
        self.settle()

    @precondition(lambda self: self.lineup.prepared is not None)
    @rule()
    def begin(self) -> None:
        beginning = self.lineup.prepared
        assert beginning is not None
        self.take(self.lineup.begin())
        beginning.state = IceTransportState.CHECKING
        self.settle()

    @rule(
        data=st.data(), state=st.sampled_from(BEGUN), nominated=st.booleans(), heard=st.booleans()
    )
    def become(
        self, data: st.DataObject, state: IceTransportState, nominated: bool, heard: Heard
    ) -> None:
        begun = [m for m in self.lineup if m is not self.lineup.prepared and m.state is not FAILED]
        if not begun:
            return
        member = data.draw(st.sampled_from(begun))
        member.state, member.heard = state, heard
        member.nominated |= nominated
        self.settle()

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        member = data.draw(st.sampled_from(list(self.lineup)))
        former, had_others = self.lineup.current, bool(self.lineup.retired)
        self.take(self.lineup.drop(member.name))
        if member is former:
            assert (self.lineup.current is former) is not had_others
        self.settle()

    @rule(data=st.data())
    def depart(self, data: st.DataObject) -> None:
        member = data.draw(st.sampled_from(self.made))
        if self.lineup.depart(member):
            self.closed.append(member)

    @invariant()
    def everybody_is_somewhere_once(self) -> None:
        there = list(self.lineup)
        assert sorted(m.name for m in [*there, *self.closed]) == sorted(m.name for m in self.made)

    @invariant()
    def the_number_is_bounded(self) -> None:
        assert len(self.lineup.retired) <= MAX_RETIRED

    @invariant()
    def what_works_carries(self) -> None:
        current, checking = self.lineup.current, self.lineup.checking
        assert checking is None or checking.state is not FAILED
        if checking is not None and checking.state in UP:
            assert current.state in UP
            assert not checking.nominated
        assert (self.lineup.state in UP) is (current.state in UP)

    @invariant()
    def it_has_failed_only_where_nothing_is_tried(self) -> None:
        if self.lineup.state is FAILED:
            assert self.lineup.current.state is FAILED
            assert self.lineup.checking is None


TestRestarts = Restarts.TestCase
TestRestarts.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
