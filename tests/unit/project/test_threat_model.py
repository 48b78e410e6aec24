"""The threat model of docs/TRUST.md: each attacker in it has tests, and each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "TRUST.md").read_text("utf-8")


def rows(begin: str, end: str) -> list[list[str]]:
    """Cells of the rows of a table, without its head."""
    table = TEXT[TEXT.index(begin) : TEXT.index(end)]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


ATTACKERS = rows("## What each stops", "<!-- tests of the threat model -->")
TESTED = rows("<!-- tests of the threat model -->", "<!-- end of the tests -->")
DEFINED = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


def test_every_attacker_of_the_threat_model_has_a_row_of_tests() -> None:
    """The two that carry the signalling share one; SIP has one more."""
    for attacker, *_ in ATTACKERS:
        words = attacker.split()
        assert any(row[0].split()[:3] == words[:3] for row in TESTED), attacker
    assert len(ATTACKERS) == len(TESTED) == 9


def test_every_test_that_the_threat_model_names_is_there() -> None:
    files = (file.read_text("utf-8") for file in sorted((ROOT / "tests").rglob("test_*.py")))
    defined = {name for text in files for name in DEFINED.findall(text)}
    named = {name for _, tests in TESTED for name in re.findall(r"`(test_\w+)`", tests)}
    assert len(named) > 15
    assert named <= defined, named - defined
