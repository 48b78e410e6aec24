"""Which ICE generation carries, written as letters: current, checking, prepared, retired."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from peer.states import IceTransportState
from peer.transport.ice.lineup import MAX_RETIRED, Heard, Leaving, Lineup

NEW, CHECKING = IceTransportState.NEW, IceTransportState.CHECKING
CONNECTED, COMPLETED = IceTransportState.CONNECTED, IceTransportState.COMPLETED
DISCONNECTED, FAILED = IceTransportState.DISCONNECTED, IceTransportState.FAILED
UP = (CONNECTED, COMPLETED)
DOWN = (CHECKING, DISCONNECTED, FAILED)


@dataclass(eq=False)
class Member:
    name: str
    state: IceTransportState = NEW
    nominated: bool = False
    heard: Heard = Heard.NEVER


def places(lineup: Lineup[Member]) -> str:
    """Who is where."""
    names = [m.name if m else "-" for m in (lineup.current, lineup.checking, lineup.prepared)]
    return " ".join([*names, "".join(m.name for m in lineup.retired) or "-"])


def gone(leaving: Leaving[Member]) -> str:
    """Who is retired and who is closed."""
    lists = (leaving.retired, leaving.closed)
    return " ".join("".join(m.name for m in each) or "-" for each in lists)


def begun(present: IceTransportState, *, state: IceTransportState = CHECKING) -> Lineup[Member]:
    """`a` carries, and `b` is checking."""
    lineup = Lineup(Member("a", present, nominated=True))
    follow(lineup, "b", state)
    return lineup


def follow(lineup: Lineup[Member], name: str, state: IceTransportState = CHECKING) -> None:
    """Another one is prepared, and begins."""
    lineup.prepare(Member(name, state))
    lineup.begin()


def test_a_prepared_generation_changes_nothing() -> None:
    lineup = Lineup(Member("a", CONNECTED))
    assert gone(lineup.prepare(Member("b"))) == "- -"
    assert (places(lineup), lineup.state) == ("a - b -", CONNECTED)
    assert lineup.sender.name == "a"


def test_a_second_prepared_one_takes_the_place_of_the_first() -> None:
    lineup = Lineup(Member("a", CONNECTED))
    lineup.prepare(Member("b"))
    assert gone(lineup.prepare(Member("c"))) == "- b"
    assert places(lineup) == "a - c -"


def test_the_old_pair_carries_while_the_new_one_is_checked() -> None:
    lineup = begun(CONNECTED)
    lineup.settle()
    assert (places(lineup), lineup.sender.name) == ("a b - -", "a")


@pytest.mark.parametrize("present", UP)
def test_connected_alone_moves_nothing_off_a_pair_that_works(present: IceTransportState) -> None:
    lineup = begun(present, state=CONNECTED)
    lineup.settle()
    assert places(lineup) == "a b - -"


@pytest.mark.parametrize("present", UP)
@pytest.mark.parametrize("state", UP)
def test_nominated_and_connected_carries(
    present: IceTransportState, state: IceTransportState
) -> None:
    lineup = begun(present, state=state)
    assert lineup.checking is not None
    lineup.checking.nominated = True
    assert gone(lineup.settle()) == "a -"
    assert (places(lineup), lineup.sender.name) == ("b - - a", "b")


@pytest.mark.parametrize("state", [CHECKING, DISCONNECTED])
def test_nominated_but_not_connected_does_not_carry_yet(state: IceTransportState) -> None:
    lineup = begun(CONNECTED, state=state)
    assert lineup.checking is not None
    lineup.checking.nominated = True
    lineup.settle()
    assert places(lineup) == "a b - -"


@pytest.mark.parametrize("present", DOWN)
def test_connected_is_enough_where_the_old_pair_does_not_work(present: IceTransportState) -> None:
    lineup = begun(present, state=CONNECTED)
    assert gone(lineup.settle()) == "a -"
    assert places(lineup) == "b - - a"


@pytest.mark.parametrize("present", [CHECKING, CONNECTED, COMPLETED, DISCONNECTED])
def test_a_next_one_that_fails_is_left_and_the_old_one_goes_on(present: IceTransportState) -> None:
    lineup = begun(present, state=FAILED)
    assert gone(lineup.settle()) == "- b"
    assert (places(lineup), lineup.state) == ("a - - -", present)


def test_a_next_one_that_fails_after_the_old_one_is_the_failure_of_the_whole() -> None:
    lineup = begun(FAILED, state=FAILED)
    lineup.settle()
    assert (places(lineup), lineup.state) == ("b - - a", FAILED)
    assert lineup.leading.name == "b"


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
def test_state_of_both(
    present: IceTransportState, following: IceTransportState, whole: IceTransportState
) -> None:
    assert begun(present, state=following).state is whole


@pytest.mark.parametrize("present", [FAILED, DISCONNECTED])
def test_preparing_alone_does_not_revive_the_state(present: IceTransportState) -> None:
    lineup = Lineup(Member("a", present))
    lineup.prepare(Member("b"))
    assert lineup.state is present


def test_without_a_path_data_takes_what_the_next_one_has() -> None:
    lineup = Lineup(Member("a", FAILED))
    assert lineup.sender.name == "a"
    lineup.prepare(Member("b"))
    assert lineup.sender.name == "b"
    lineup.begin()
    lineup.prepare(Member("c"))
    assert lineup.sender.name == "b"


def test_a_silent_pair_is_still_tried() -> None:
    assert begun(DISCONNECTED).sender.name == "a"


def test_a_restart_within_a_restart_leaves_the_unfinished_one_to_be_heard() -> None:
    lineup = begun(CONNECTED)
    lineup.prepare(Member("c"))
    assert places(lineup) == "a b c -"
    assert gone(lineup.begin()) == "b -"
    assert places(lineup) == "a c - b"


def test_a_pending_restart_does_not_stop_the_one_under_way() -> None:
    lineup = begun(CONNECTED)
    lineup.prepare(Member("c"))
    assert lineup.checking is not None
    lineup.checking.state, lineup.checking.nominated = CONNECTED, True
    lineup.settle()
    assert places(lineup) == "b - c a"


def test_a_retired_one_carries_no_more_whatever_it_becomes() -> None:
    lineup = begun(CONNECTED)
    lineup.prepare(Member("c"))
    lineup.begin()
    (superseded,) = lineup.retired
    superseded.state, superseded.nominated = CONNECTED, True
    lineup.settle()
    assert places(lineup) == "a c - b"


@pytest.mark.parametrize(
    ("heard", "goes"),
    [
        ("0000", "b"),
        ("2222", "b"),
        ("1022", "c"),
        ("2120", "e"),
        ("2112", "c"),
        ("1111", "b"),
    ],
)
def test_of_too_many_retired_the_oldest_of_the_most_silent_goes(heard: str, goes: str) -> None:
    lineup = Lineup(Member("a", CONNECTED))
    for name in "bcde":
        follow(lineup, name)
    assert len(lineup.retired) == MAX_RETIRED
    assert lineup.checking is not None
    for member, digit in zip([*lineup.retired, lineup.checking], heard, strict=True):
        member.heard = Heard(int(digit))
    lineup.prepare(Member("f"))
    # One that goes at once is not to be heard until it is silent.
    assert gone(lineup.begin()) == ("- e" if goes == "e" else f"e {goes}")


def test_a_prepared_one_is_dropped() -> None:
    lineup = begun(CONNECTED)
    lineup.prepare(Member("c"))
    assert gone(lineup.drop("c")) == "- c"
    assert places(lineup) == "a b - -"


def test_one_that_checks_is_dropped_and_heard() -> None:
    lineup = begun(FAILED)
    assert gone(lineup.drop("b")) == "b -"
    assert (places(lineup), lineup.state) == ("a - - b", FAILED)


def test_a_retired_one_is_dropped() -> None:
    lineup = begun(FAILED, state=CONNECTED)
    lineup.settle()
    assert gone(lineup.drop("a")) == "- a"
    assert places(lineup) == "b - - -"


def test_the_last_one_that_can_carry_is_not_dropped() -> None:
    lineup = Lineup(Member("a", CONNECTED))
    assert gone(lineup.drop("a")) == "- -"
    assert places(lineup) == "a - - -"


def test_a_dropped_one_that_carries_gives_way_to_the_latest_that_works() -> None:
    lineup = begun(CONNECTED)
    follow(lineup, "c", CONNECTED)
    assert lineup.checking is not None
    lineup.checking.nominated = True
    lineup.settle()
    assert places(lineup) == "c - - ba"
    assert gone(lineup.drop("c")) == "c -"
    assert places(lineup) == "a - - bc"


@pytest.mark.parametrize("state", [CONNECTED, DISCONNECTED])
def test_of_several_alike_the_latest_takes_its_place(state: IceTransportState) -> None:
    lineup = Lineup(Member("a", FAILED))
    for name in "bcd":
        lineup.current.state = FAILED
        follow(lineup, name, CONNECTED)
        lineup.settle()
    for former in lineup.retired:
        former.state = state
    assert places(lineup) == "d - - abc"
    lineup.drop("d")
    assert places(lineup) == "c - - abd"


def test_where_none_works_the_latest_takes_its_place() -> None:
    lineup = begun(FAILED, state=CONNECTED)
    lineup.settle()
    lineup.drop("b")
    assert (places(lineup), lineup.state) == ("a - - b", FAILED)


def test_an_unknown_one_is_not_dropped() -> None:
    lineup = begun(CONNECTED)
    assert gone(lineup.drop("z")) == "- -"
    assert places(lineup) == "a b - -"


def test_a_silent_one_departs_once() -> None:
    lineup = begun(FAILED, state=CONNECTED)
    lineup.settle()
    (former,) = lineup.retired
    assert lineup.depart(former)
    assert not lineup.depart(former)
    assert places(lineup) == "b - - -"


def test_one_that_carries_again_does_not_depart() -> None:
    lineup = begun(FAILED, state=CONNECTED)
    lineup.settle()
    (former,) = lineup.retired
    lineup.drop("b")
    assert not lineup.depart(former)
    assert places(lineup) == "a - - b"


def test_each_is_found_by_its_name() -> None:
    lineup = begun(CONNECTED)
    follow(lineup, "c")
    lineup.prepare(Member("d"))
    assert [m.name for m in lineup] == ["a", "c", "d", "b"]
    assert all(lineup.find(m.name) is m for m in lineup)
    assert lineup.find("z") is None


def test_the_newest_is_the_one_that_was_made_last() -> None:
    lineup = Lineup(Member("a", CONNECTED))
    assert lineup.newest.name == "a"
    lineup.prepare(Member("b"))
    assert lineup.newest.name == "b"
    lineup.begin()
    assert lineup.newest.name == "b"
