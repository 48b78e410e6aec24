"""The table of docs/W3C.md, where we differ from W3C: each row has its reason and its test."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests.support.project.source import ROOT

GUIDE = ROOT / "docs" / "W3C.md"
_TEST = re.compile(r'\[test\]\(\.\./(?P<file>[\w/.]+) "(?P<name>\w+)"\)')


@dataclass(frozen=True)
class Row:
    """A row of the table: W3C, ours, the reason, the test."""

    cells: tuple[str, ...]

    def __str__(self) -> str:
        return self.cells[0][:60]


ROWS = [
    Row(tuple(cell.strip() for cell in line.strip("|").split("|")))
    for line in GUIDE.read_text().partition("## Where we differ")[2].splitlines()
    if line.startswith("| ") and not line.startswith(("| W3C |", "| ---"))
]


def test_the_guide_says_where_we_differ_from_w3c() -> None:
    assert len(ROWS) > 10


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_difference_from_w3c_has_a_reason_and_a_test_that_exists(row: Row) -> None:
    assert len(row.cells) == 4
    assert all(row.cells)
    named = _TEST.fullmatch(row.cells[3])
    assert named is not None
    assert f"def {named['name']}(" in (ROOT / named["file"]).read_text()
