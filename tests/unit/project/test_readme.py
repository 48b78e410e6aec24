"""Programs in README.md and docs/ run as they are printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.browser.complaints import complaints
from tests.support.project.snippets import Snippet, snippets
from tests.support.project.source import ROOT

#: Ends a program that hangs.
SECONDS = 240
PROGRAMS = [
    snippet
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]
    for snippet in snippets(path.relative_to(ROOT).as_posix(), path.read_text())
    # Those that join a room have a test of their own: integration/test_readme_rooms.py.
    if "ws://" not in snippet.code
]


def test_the_readme_shows_a_program() -> None:
    assert [program for program in PROGRAMS if program.document == "README.md"]


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_a_program_runs_as_printed(program: Snippet, tmp_path: Path) -> None:
    # Blank lines in front, so that a traceback names the line of the guide.
    file = tmp_path / Path(program.document).name
    file.write_text("\n" * (program.line - 1) + program.code)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert complaints(run.stderr) == []


def test_only_marked_blocks_are_taken() -> None:
    text = "a\n```python\nno\n```\n````python run\nyes\n```\nstill\n````\n```sh\nmake demo\n```\n"
    assert snippets("a.md", text) == [Snippet("a.md", 6, "yes\n```\nstill\n")]
