"""Draws the ladders in docs/TRACE.md anew when run as a module."""

from __future__ import annotations

import io
import re

from msgspec.structs import replace
from rich.console import Console

from handfast.trace import TerminalLadder, TracedEnd, draw
from handfast.trace.rows import Pause
from tests.support.project.source import ROOT
from tests.support.tracing.ladder_changes import rekeyed, restarted
from tests.support.tracing.ladders import connected, intercepted

GUIDE = ROOT / "docs" / "TRACE.md"

_SESSIONS = {
    "connected": connected,
    "intercepted": intercepted,
    "rekeyed": rekeyed,
    "restarted": restarted,
}
#: Seconds. Of these the beginning is like that of any other session.
_FROM = {"rekeyed": 0.5, "restarted": 1.5}
_TO = 3.0
_BLOCK = re.compile(r"(<!-- ladder: (\w+) -->\n```text\n)(.*?)(```\n)", re.DOTALL)


def redrawn(guide: str) -> str:
    """Return the guide with the ladders that the program draws now."""
    return _BLOCK.sub(lambda block: f"{block[1]}{_drawing(block[2])}{block[4]}", guide)


def _drawing(name: str) -> str:
    session = _SESSIONS[name]()
    ladder = draw(TracedEnd("alice", session.offerer), TracedEnd("bob", session.answerer))
    if name in _FROM:
        rows = tuple(
            row
            for row in ladder.rows
            if _FROM[name] < row.time < _TO and not isinstance(row, Pause)
        )
        ladder = replace(ladder, rows=rows)
    file = io.StringIO()
    Console(file=file, width=80, no_color=True).print(TerminalLadder(ladder))
    return file.getvalue()


if __name__ == "__main__":
    GUIDE.write_text(redrawn(GUIDE.read_text()))
