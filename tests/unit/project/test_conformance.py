"""docs/CONFORMANCE.md agrees with the markers on the tests."""

from __future__ import annotations

from tests.support.project.conformance import TABLE, Behaviour, Proof, gaps, load_table, render

DUE = Behaviour("5-offer", "Section 5", "It offers.", "sdp", due=True)
LATER = Behaviour("6-later", "Section 6", "It comes later.", "wire")
LEFT_OUT = Behaviour("6-never", "Section 6", "It never comes.", "-", left_out="nobody needs it")
ROWS = {row.id: row for row in (DUE, LATER, LEFT_OUT)}


def proof(behaviour: str, test: str = "tests/test_a.py::test_b", *peers: str) -> Proof:
    return Proof(behaviour, test, frozenset(peers))


def line_of(behaviour: str, text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"| {behaviour} "))


def test_the_table_has_every_id_once_under_its_section() -> None:
    table = load_table(TABLE.read_text())
    assert len(table) == TABLE.read_text().count("{ id = ")
    for row in table.values():
        assert row.section.startswith(f"Section {row.id[0]}:")


def test_a_behaviour_that_is_due_without_a_test_is_a_gap() -> None:
    assert gaps(ROWS, []) == ["5-offer is due and has no test"]


def test_a_behaviour_that_is_left_out_and_tested_is_a_gap() -> None:
    wrong = gaps(ROWS, [proof("5-offer"), proof("6-never")])
    assert wrong == ["6-never is left out, and yet has a test"]


def test_complete_conformance_table_has_no_faults() -> None:
    assert gaps(ROWS, [proof("5-offer")]) == []


def test_a_row_without_a_test_says_so() -> None:
    assert "not yet proven" in line_of("6-later", render(ROWS, []))


def test_a_row_that_is_left_out_says_why() -> None:
    assert "left out: nobody needs it" in line_of("6-never", render(ROWS, []))


def test_a_row_lists_each_test_once_and_every_peer() -> None:
    proofs = [
        proof("5-offer", "tests/test_a.py::test_b", "firefox"),
        proof("5-offer", "tests/test_a.py::test_b", "chromium"),
    ]
    line = line_of("5-offer", render(ROWS, proofs))
    assert line.count("[test_b](../tests/test_a.py)") == 1
    assert line.endswith("| chromium, firefox |")


def test_proven_rows_are_counted() -> None:
    assert "1 of 3 behaviours" in render(
        ROWS, [proof("5-offer"), proof("5-offer", "tests/x.py::y")]
    )


def test_a_row_that_is_proven_in_part_says_what_is_missing_and_does_not_count() -> None:
    row = Behaviour("6-part", "Section 6", "Two things.", "wire", missing="the second")
    text = render({row.id: row}, [proof("6-part")])
    assert "in part; not yet: the second" in line_of("6-part", text)
    assert "0 of 1 behaviours" in text
