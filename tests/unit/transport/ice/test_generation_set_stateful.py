"""Restarts, failures and rollbacks in any order: none is lost, and one that works is active."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from peer.states import IceTransportState
from peer.transport.ice.generation_set import (
    MAX_RETIRED,
    GenerationChanges,
    GenerationSet,
    ReceiveActivity,
)

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
class Status:
    username_fragment: str
    state: IceTransportState = IceTransportState.NEW
    nominated: bool = False
    activity: ReceiveActivity = ReceiveActivity.NEVER


class Restarts(RuleBasedStateMachine):
    """Every generation that was ever made is in the set, or was closed once."""

    def __init__(self) -> None:
        super().__init__()
        self.names = map(str, itertools.count())
        first = Status(next(self.names))
        self.made = [first]
        self.closed: list[Status] = []
        self.generations = GenerationSet(first)

    def take(self, changes: GenerationChanges[Status]) -> None:
        for generation in changes.retired:
            assert generation in self.generations.retired
        self.closed += changes.closed

    def update(self) -> None:
        former = self.generations.active
        worked = former.state in UP
        self.take(self.generations.update())
        if worked and self.generations.active is not former:
            assert self.generations.active.state in UP
            assert self.generations.active.nominated

    @rule()
    def prepare(self) -> None:
        generation = Status(next(self.names))
        self.made.append(generation)
        self.take(self.generations.prepare(generation))
        self.update()

    @precondition(lambda self: self.generations.prepared is not None)
    @rule()
    def begin(self) -> None:
        beginning = self.generations.prepared
        assert beginning is not None
        self.take(self.generations.begin())
        beginning.state = IceTransportState.CHECKING
        self.update()

    @rule(
        data=st.data(), state=st.sampled_from(BEGUN), nominated=st.booleans(), recent=st.booleans()
    )
    def become(
        self, data: st.DataObject, state: IceTransportState, nominated: bool, recent: bool
    ) -> None:
        prepared = self.generations.prepared
        begun = [g for g in self.generations if g is not prepared and g.state is not FAILED]
        if not begun:
            return
        generation = data.draw(st.sampled_from(begun))
        generation.state = state
        generation.activity = ReceiveActivity.RECENT if recent else ReceiveActivity.NEVER
        generation.nominated |= nominated
        self.update()

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        generation = data.draw(st.sampled_from(list(self.generations)))
        former, had_others = self.generations.active, bool(self.generations.retired)
        self.take(self.generations.drop(generation.username_fragment))
        if generation is former:
            assert (self.generations.active is former) is not had_others
        self.update()

    @rule(data=st.data())
    def remove_retired(self, data: st.DataObject) -> None:
        generation = data.draw(st.sampled_from(self.made))
        if self.generations.remove_retired(generation):
            self.closed.append(generation)

    @invariant()
    def every_generation_is_open_or_closed_once(self) -> None:
        found = [*self.generations, *self.closed]
        assert sorted(map(id, found)) == sorted(map(id, self.made))

    @invariant()
    def the_number_is_bounded(self) -> None:
        assert len(self.generations.retired) <= MAX_RETIRED

    @invariant()
    def what_works_is_active(self) -> None:
        active, checking = self.generations.active, self.generations.checking
        assert checking is None or checking.state is not FAILED
        if checking is not None and checking.state in UP:
            assert active.state in UP
            assert not checking.nominated
        assert (self.generations.state in UP) is (active.state in UP)

    @invariant()
    def it_has_failed_only_where_nothing_is_tried(self) -> None:
        if self.generations.state is FAILED:
            assert self.generations.active.state is FAILED
            assert self.generations.checking is None


TestRestarts = Restarts.TestCase
TestRestarts.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
