"""The table of bounds in docs/SECURITY.md: each constant has that value, each test is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROW = re.compile(
    r"\| (?P<what>[^|]+) \| (?P<most>[^|]+) \|(?: `(?P<name>\w+)`)? +\| `(?P<test>\w+)` \|"
)
UNITS = {"": 1.0, "KiB": 1024.0, "MiB": 1024.0**2}


def section(text: str) -> list[str]:
    begin, end = text.index("<!-- bounds -->"), text.index("<!-- end of bounds -->")
    return text[begin:end].splitlines()[3:]


def source(*folders: str) -> str:
    files = (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py")))
    return "\n".join(file.read_text("utf-8") for file in files)


LINES = section((ROOT / "docs" / "SECURITY.md").read_text("utf-8"))
ROWS = [match for line in LINES if (match := ROW.fullmatch(line))]
CONSTANT = re.compile(r"^ *(\w+)(?:: [\w\[\]]+)? = ([\d_][\d_x .*A-F]*)$", re.MULTILINE)
CONSTANTS = CONSTANT.findall(source("peer", "signaling"))
TESTS = set(re.findall(r"^(?:async )?def (test_\w+)\(", source("tests"), re.MULTILINE))


def number(text: str) -> float:
    value, _, unit = text.partition(" ")
    return float(value.replace(",", "")) * UNITS[unit]


def values(name: str) -> list[float]:
    """What constants, or fields with a default, of this name are in the source."""
    return [float(eval(value, {})) for found, value in CONSTANTS if found == name]


def test_every_line_of_the_table_of_bounds_is_a_row() -> None:
    assert len(ROWS) == len(LINES) > 40


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_a_bound_that_the_documentation_states_is_that_of_the_source(row: re.Match[str]) -> None:
    if row["name"]:
        assert number(row["most"]) in values(row["name"])
    assert row["test"] in TESTS
