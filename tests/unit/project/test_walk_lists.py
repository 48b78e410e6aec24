"""How the lists of the walks are written: the same again, whoever was faster this time."""

from __future__ import annotations

from tests.support.project.walks import DOCUMENT, Ran, Walk, listed, merged, written

TEXT = DOCUMENT.read_text()


def ran(*names: str) -> Ran:
    return Ran(tuple(f"peer/{name}.py" for name in names), len(names))


def files(*names: str) -> list[str]:
    return list(ran(*names).files)


def test_list_of_a_walk_is_the_same_whichever_file_ran_first() -> None:
    other = Ran(tuple(reversed(listed(Walk.OFFER, TEXT))), 7)
    assert written(Walk.OFFER, [other], TEXT) == TEXT


def test_file_that_is_listed_stays_where_it_ran_in_some_walk_of_several() -> None:
    assert merged(files("a", "b"), [ran("a"), ran("b", "a")]) == files("a", "b")


def test_file_that_is_new_is_listed_behind_the_one_that_ran_before_it() -> None:
    assert merged(files("a", "b"), [ran("a", "new", "b")]) == files("a", "new", "b")
    assert merged(files("a", "b"), [ran("new", "a", "b")]) == files("new", "a", "b")


def test_file_that_is_new_is_not_listed_where_it_ran_in_some_walk_only() -> None:
    assert merged(files("a"), [ran("a", "new"), ran("a")]) == files("a")


def test_file_that_ran_in_no_walk_is_listed_no_more() -> None:
    assert merged(files("a", "b", "c"), [ran("a", "c"), ran("c", "a")]) == files("a", "c")
