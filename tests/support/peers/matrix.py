"""The matrix of docs/INTEROP.md: what every peer was asked, and what the tests have shown.

It stands in matrix.toml. A run with INTEROP=all notes how each test below tests/interop ended, and
`python -m tests.support.peers.interop` writes what has passed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest

from tests.support.project.tools import ROOT

#: How each test ended when it ran last.
OUTCOMES = ROOT / "artifacts" / "interop" / "outcomes.json"
TESTS = "tests/interop"
#: Headings by the names of the cells.
COLUMNS = MappingProxyType(
    {
        "we_offer": "we offer",
        "it_offers": "it offers",
        "hold": "hold and resume",
        "tracks": "tracks ten times",
        "restart": "ICE restart",
        "rekey": "rekey",
        "end": "its end",
    }
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one peer was asked.

    Args:
        says: What happened, or why it was not asked.
        tests: What has shown it: a file or a test below tests/interop, without parameters.
    """

    says: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One peer."""

    name: str
    cells: tuple[Cell, ...]


def load() -> tuple[Row, ...]:
    """Read the matrix."""
    peers = tomllib.loads(Path(__file__).with_name("matrix.toml").read_text())["peer"]
    return tuple(
        Row(peer["name"], tuple(Cell(peer[key][0], tuple(peer[key][1:])) for key in COLUMNS))
        for peer in peers
    )


def render(rows: Collection[Row], lacking: Collection[str] = ()) -> str:
    """Render the matrix as Markdown.

    Args:
        rows: The peers.
        lacking: Of the named tests, those that have not passed.
    """
    lines = [f"| peer | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for row in rows:
        cells = [
            "**not shown**" if set(cell.tests) & set(lacking) else cell.says for cell in row.cells
        ]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def lacking(rows: Collection[Row], outcomes: dict[str, bool]) -> set[str]:
    """Return the named tests that have not passed, with every parameter, when they ran last."""
    named = {test for row in rows for cell in row.cells for test in cell.tests}
    return {test for test in named if not _passed(f"{TESTS}/{test}", outcomes)}


def _passed(test: str, outcomes: dict[str, bool]) -> bool:
    ended = [passed for name, passed in outcomes.items() if f"{name}::".startswith(f"{test}::")]
    return bool(ended) and all(ended)


def read_outcomes() -> dict[str, bool]:
    """Read whether each test passed when it ran last."""
    if not OUTCOMES.exists():
        return {}
    return msgspec.json.decode(OUTCOMES.read_bytes(), type=dict[str, bool])


class OutcomesPlugin:
    """Pytest plug-in that notes whether each test passed, with all of its parameters."""

    def __init__(self) -> None:
        self._passed: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test."""
        name = report.nodeid.partition("[")[0]
        self._passed[name] = self._passed.get(name, True) and report.passed

    def pytest_sessionfinish(self) -> None:
        """Keep them for the document, beside those of tests that did not run this time."""
        OUTCOMES.parent.mkdir(parents=True, exist_ok=True)
        OUTCOMES.write_bytes(msgspec.json.encode(read_outcomes() | self._passed))
