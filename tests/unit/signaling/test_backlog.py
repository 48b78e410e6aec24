from __future__ import annotations

import pytest

from signaling.backlog import Backlog


@pytest.fixture
def backlog() -> Backlog:
    backlog = Backlog(messages=3, size=10)
    for text in "abc":
        assert backlog.append(text)
    return backlog


def test_texts_are_taken_in_their_order(backlog: Backlog) -> None:
    assert [backlog.take() for _ in range(4)] == ["a", "b", "c", None]


def test_no_more_texts_than_allowed_are_kept(backlog: Backlog) -> None:
    assert not backlog.append("d")
    assert backlog.last == 3


def test_taking_makes_no_room(backlog: Backlog) -> None:
    backlog.take()
    assert not backlog.append("d")


def test_acknowledging_makes_room(backlog: Backlog) -> None:
    backlog.take()
    assert backlog.acknowledge(1)
    assert backlog.append("d")
    assert backlog.last == 4


def test_no_more_characters_than_allowed_are_kept() -> None:
    backlog = Backlog(messages=3, size=10)
    assert backlog.append("x" * 9)
    assert not backlog.append("xx")
    assert backlog.append("x")


def test_one_text_may_be_longer_than_the_bound() -> None:
    assert Backlog(messages=3, size=10).append("x" * 11)


def test_after_a_rewind_the_rest_is_taken_again(backlog: Backlog) -> None:
    for _ in range(3):
        backlog.take()
    assert backlog.rewind(1)
    assert [backlog.take() for _ in range(3)] == ["b", "c", None]


@pytest.mark.parametrize("received", [0, 3])
def test_a_rewind_to_what_is_forgotten_or_was_not_sent_changes_nothing(
    backlog: Backlog, received: int
) -> None:
    backlog.take()
    backlog.acknowledge(1)
    backlog.take()
    assert not backlog.rewind(received)
    assert backlog.take() == "c"


def test_text_that_was_not_taken_cannot_be_acknowledged(backlog: Backlog) -> None:
    assert not backlog.acknowledge(1)


def test_all_that_was_taken_can_be_forgotten_at_once(backlog: Backlog) -> None:
    backlog.take()
    backlog.take()
    backlog.acknowledge_taken()
    assert not backlog.rewind(1)
    assert backlog.waiting == 1
