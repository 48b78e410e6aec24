"""The matrix of docs/INTEROP.md: its cells name tests that are there, and the document has it."""

from __future__ import annotations

from tests.support.peers.interop import DOCUMENT, with_matrix
from tests.support.peers.matrix import TESTS, Cell, Row, lacking, load, render
from tests.support.project.tools import ROOT

CELL = Cell("followed", ("a.py::test_one", "b.py"))
ROWS = (Row("peer", (CELL, *[Cell("—: never", ())] * 6)),)


def test_matrix_of_the_document_is_up_to_date() -> None:
    # Where all has passed, `make interop` writes it so.
    text = DOCUMENT.read_text()
    assert with_matrix(text) == text


def test_every_cell_of_the_matrix_names_tests_that_exist_or_says_why_there_are_none() -> None:
    for row in load():
        for cell in row.cells:
            assert cell.tests or cell.says.startswith("—: ")
            for test in cell.tests:
                file, _, name = test.partition("::")
                assert f"def {name}" in (ROOT / TESTS / file).read_text()


def test_cell_of_the_matrix_is_shown_where_its_tests_have_passed() -> None:
    passed = {f"{TESTS}/a.py::test_one": True, f"{TESTS}/b.py::test_two": True}
    assert lacking(ROWS, passed) == set()
    assert "| followed |" in render(ROWS)


def test_cell_of_the_matrix_is_not_shown_where_a_test_failed_or_did_not_run() -> None:
    failed = {f"{TESTS}/a.py::test_one_more": True, f"{TESTS}/b.py::test_two": False}
    assert lacking(ROWS, failed) == {"a.py::test_one", "b.py"}
    assert "| peer | **not shown** | —: never |" in render(ROWS, {"b.py"})
