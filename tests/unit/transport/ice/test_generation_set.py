"""Places of the ICE generations, written as letters: active, checking, prepared, retired."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from peer.states import IceTransportState
from peer.transport.ice.generation_set import (
    MAX_RETIRED,
    GenerationChanges,
    GenerationSet,
    ReceiveActivity,
)

NEW, CHECKING = IceTransportState.NEW, IceTransportState.CHECKING
CONNECTED, COMPLETED = IceTransportState.CONNECTED, IceTransportState.COMPLETED
DISCONNECTED, FAILED = IceTransportState.DISCONNECTED, IceTransportState.FAILED
UP = (CONNECTED, COMPLETED)
DOWN = (CHECKING, DISCONNECTED, FAILED)


@dataclass(eq=False)
class Status:
    username_fragment: str
    state: IceTransportState = NEW
    nominated: bool = False
    activity: ReceiveActivity = ReceiveActivity.NEVER


def letters(generations: Iterable[Status]) -> str:
    return "".join(each.username_fragment for each in generations) or "-"


def places(generations: GenerationSet[Status]) -> str:
    """Which generation is active, which checking, prepared, retired."""
    single = (generations.active, generations.checking, generations.prepared)
    return " ".join(
        [*(letters([each] if each else []) for each in single), letters(generations.retired)]
    )


def taken_out(changes: GenerationChanges[Status]) -> str:
    """Which generations are retired, and which are closed."""
    return f"{letters(changes.retired)} {letters(changes.closed)}"


def begun(
    present: IceTransportState, *, state: IceTransportState = CHECKING
) -> GenerationSet[Status]:
    """`a` is active, and `b` is checking."""
    generations = GenerationSet(Status("a", present, nominated=True))
    follow(generations, "b", state)
    return generations


def follow(
    generations: GenerationSet[Status], letter: str, state: IceTransportState = CHECKING
) -> None:
    """Another generation is prepared, and begins its checks."""
    generations.prepare(Status(letter, state))
    generations.begin()


def test_prepared_generation_changes_no_state() -> None:
    generations = GenerationSet(Status("a", CONNECTED))
    assert taken_out(generations.prepare(Status("b"))) == "- -"
    assert (places(generations), generations.state) == ("a - b -", CONNECTED)
    assert generations.sender.username_fragment == "a"


def test_held_generation_stays_active_until_it_is_let_go() -> None:
    generations = begun(CONNECTED, state=CONNECTED)
    generations.held = True
    assert generations.checking is not None
    generations.checking.nominated = True
    assert taken_out(generations.update()) == "- -"
    assert places(generations) == "a b - -"
    generations.held = False
    assert taken_out(generations.update()) == "a -"
    assert places(generations) == "b - - a"


@pytest.mark.parametrize("present", DOWN)
def test_held_generation_that_does_not_work_is_followed(present: IceTransportState) -> None:
    generations = begun(present, state=CONNECTED)
    generations.held = True
    generations.update()
    assert generations.active.username_fragment == "b"


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_prepared_and_checking_generations_alone_are_pending(name: str) -> None:
    generations = begun(CONNECTED)
    generations.prepare(Status("c"))
    found = generations.pending(name)
    assert (found is not None) == (name in "bc")


def test_second_prepared_generation_closes_the_first() -> None:
    generations = GenerationSet(Status("a", CONNECTED))
    generations.prepare(Status("b"))
    assert taken_out(generations.prepare(Status("c"))) == "- b"
    assert places(generations) == "a - c -"


def test_active_generation_sends_while_the_next_is_checking() -> None:
    generations = begun(CONNECTED)
    generations.update()
    assert (places(generations), generations.sender.username_fragment) == ("a b - -", "a")


@pytest.mark.parametrize("present", UP)
def test_unnominated_generation_does_not_replace_working_pair(present: IceTransportState) -> None:
    generations = begun(present, state=CONNECTED)
    generations.update()
    assert places(generations) == "a b - -"


@pytest.mark.parametrize("present", UP)
@pytest.mark.parametrize("state", UP)
def test_nominated_and_connected_generation_becomes_active(
    present: IceTransportState, state: IceTransportState
) -> None:
    generations = begun(present, state=state)
    assert generations.checking is not None
    generations.checking.nominated = True
    assert taken_out(generations.update()) == "a -"
    assert (places(generations), generations.sender.username_fragment) == ("b - - a", "b")


@pytest.mark.parametrize("state", [CHECKING, DISCONNECTED])
def test_nominated_generation_that_is_not_connected_stays_checking(
    state: IceTransportState,
) -> None:
    generations = begun(CONNECTED, state=state)
    assert generations.checking is not None
    generations.checking.nominated = True
    generations.update()
    assert places(generations) == "a b - -"


@pytest.mark.parametrize("present", DOWN)
def test_connected_generation_replaces_pair_that_does_not_work(
    present: IceTransportState,
) -> None:
    generations = begun(present, state=CONNECTED)
    assert taken_out(generations.update()) == "a -"
    assert places(generations) == "b - - a"


@pytest.mark.parametrize("present", [CHECKING, CONNECTED, COMPLETED, DISCONNECTED])
def test_failed_restart_is_closed_and_active_generation_stays(present: IceTransportState) -> None:
    generations = begun(present, state=FAILED)
    assert taken_out(generations.update()) == "- b"
    assert (places(generations), generations.state) == ("a - - -", present)


def test_failed_restart_of_a_failed_generation_becomes_active() -> None:
    generations = begun(FAILED, state=FAILED)
    generations.update()
    assert (places(generations), generations.state) == ("b - - a", FAILED)
    assert generations.selected.username_fragment == "b"


@pytest.mark.parametrize(
    ("present", "following", "whole"),
    [
        (CONNECTED, CHECKING, CONNECTED),
        (COMPLETED, CHECKING, CONNECTED),
        (COMPLETED, CONNECTED, CONNECTED),
        (CHECKING, CHECKING, CHECKING),
        (DISCONNECTED, CHECKING, CHECKING),
        (FAILED, CHECKING, CHECKING),
        (NEW, CHECKING, CHECKING),
    ],
)
def test_transport_state_by_states_of_active_and_checking_generation(
    present: IceTransportState, following: IceTransportState, whole: IceTransportState
) -> None:
    assert begun(present, state=following).state is whole


@pytest.mark.parametrize("present", [FAILED, DISCONNECTED])
def test_prepared_generation_does_not_change_a_failed_state(present: IceTransportState) -> None:
    generations = GenerationSet(Status("a", present))
    generations.prepare(Status("b"))
    assert generations.state is present


def test_failed_generation_sends_on_the_path_of_the_next() -> None:
    generations = GenerationSet(Status("a", FAILED))
    assert generations.sender.username_fragment == "a"
    generations.prepare(Status("b"))
    assert generations.sender.username_fragment == "b"
    generations.begin()
    generations.prepare(Status("c"))
    assert generations.sender.username_fragment == "b"


def test_disconnected_generation_still_sends() -> None:
    assert begun(DISCONNECTED).sender.username_fragment == "a"


def test_restart_within_a_restart_retires_the_checking_generation() -> None:
    generations = begun(CONNECTED)
    generations.prepare(Status("c"))
    assert places(generations) == "a b c -"
    assert taken_out(generations.begin()) == "b -"
    assert places(generations) == "a c - b"


def test_prepared_generation_does_not_stop_the_checking_one() -> None:
    generations = begun(CONNECTED)
    generations.prepare(Status("c"))
    assert generations.checking is not None
    generations.checking.state, generations.checking.nominated = CONNECTED, True
    generations.update()
    assert places(generations) == "b - c a"


def test_retired_generation_never_becomes_active() -> None:
    generations = begun(CONNECTED)
    generations.prepare(Status("c"))
    generations.begin()
    (superseded,) = generations.retired
    superseded.state, superseded.nominated = CONNECTED, True
    generations.update()
    assert places(generations) == "a c - b"


@pytest.mark.parametrize(
    ("activities", "closed"),
    [
        ("0000", "b"),
        ("2222", "b"),
        ("1022", "c"),
        ("2120", "e"),
        ("2112", "c"),
        ("1111", "b"),
    ],
)
def test_oldest_of_the_least_active_retired_generations_is_closed(
    activities: str, closed: str
) -> None:
    generations = GenerationSet(Status("a", CONNECTED))
    for name in "bcde":
        follow(generations, name)
    assert len(generations.retired) == MAX_RETIRED
    assert generations.checking is not None
    for generation, digit in zip(
        [*generations.retired, generations.checking], activities, strict=True
    ):
        generation.activity = ReceiveActivity(int(digit))
    generations.prepare(Status("f"))
    # A generation that is closed at once is not retired as well.
    assert taken_out(generations.begin()) == ("- e" if closed == "e" else f"e {closed}")


def test_dropped_prepared_generation_is_closed() -> None:
    generations = begun(CONNECTED)
    generations.prepare(Status("c"))
    assert taken_out(generations.drop("c")) == "- c"
    assert places(generations) == "a b - -"


def test_dropped_checking_generation_is_retired() -> None:
    generations = begun(FAILED)
    assert taken_out(generations.drop("b")) == "b -"
    assert (places(generations), generations.state) == ("a - - b", FAILED)


def test_dropped_retired_generation_is_closed() -> None:
    generations = begun(FAILED, state=CONNECTED)
    generations.update()
    assert taken_out(generations.drop("a")) == "- a"
    assert places(generations) == "b - - -"


def test_only_generation_is_not_dropped() -> None:
    generations = GenerationSet(Status("a", CONNECTED))
    assert taken_out(generations.drop("a")) == "- -"
    assert places(generations) == "a - - -"


def test_dropped_active_generation_gives_way_to_latest_that_works() -> None:
    generations = begun(CONNECTED)
    follow(generations, "c", CONNECTED)
    assert generations.checking is not None
    generations.checking.nominated = True
    generations.update()
    assert places(generations) == "c - - ba"
    assert taken_out(generations.drop("c")) == "c -"
    assert places(generations) == "a - - bc"


@pytest.mark.parametrize("state", [CONNECTED, DISCONNECTED])
def test_latest_of_several_alike_is_reactivated(state: IceTransportState) -> None:
    generations = GenerationSet(Status("a", FAILED))
    for name in "bcd":
        generations.active.state = FAILED
        follow(generations, name, CONNECTED)
        generations.update()
    for former in generations.retired:
        former.state = state
    assert places(generations) == "d - - abc"
    generations.drop("d")
    assert places(generations) == "c - - abd"


def test_latest_generation_is_reactivated_if_none_works() -> None:
    generations = begun(FAILED, state=CONNECTED)
    generations.update()
    generations.drop("b")
    assert (places(generations), generations.state) == ("a - - b", FAILED)


def test_unknown_generation_is_not_dropped() -> None:
    generations = begun(CONNECTED)
    assert taken_out(generations.drop("z")) == "- -"
    assert places(generations) == "a b - -"


def test_silent_retired_generation_is_removed_once() -> None:
    generations = begun(FAILED, state=CONNECTED)
    generations.update()
    (former,) = generations.retired
    assert generations.remove_retired(former)
    assert not generations.remove_retired(former)
    assert places(generations) == "b - - -"


def test_reactivated_generation_is_not_removed() -> None:
    generations = begun(FAILED, state=CONNECTED)
    generations.update()
    (former,) = generations.retired
    generations.drop("b")
    assert not generations.remove_retired(former)
    assert places(generations) == "a - - b"


def test_each_generation_is_found_by_its_username_fragment() -> None:
    generations = begun(CONNECTED)
    follow(generations, "c")
    generations.prepare(Status("d"))
    assert letters(generations) == "acdb"
    assert all(generations.find(each.username_fragment) is each for each in generations)
    assert generations.find("z") is None


def test_newest_generation_is_the_one_opened_last() -> None:
    generations = GenerationSet(Status("a", CONNECTED))
    assert generations.newest.username_fragment == "a"
    generations.prepare(Status("b"))
    assert generations.newest.username_fragment == "b"
    generations.begin()
    assert generations.newest.username_fragment == "b"


def test_repr_of_generation_set_names_each_place() -> None:
    generations = begun(CONNECTED)
    generations.prepare(Status("c"))
    assert repr(generations) == "<GenerationSet active a, checking b, prepared c, 0 retired>"
