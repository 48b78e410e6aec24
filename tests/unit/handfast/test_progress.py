from __future__ import annotations

import asyncio
import io
import itertools

from handfast.console import Console
from handfast.progress import ProgressLine


async def test_progress_in_a_file_is_a_line_now_and_then() -> None:
    output = io.StringIO()
    progress = ProgressLine(Console(file=output, width=60), interval=0.01)
    numbers = itertools.count()
    shown = asyncio.Event()

    def line() -> str:
        number = next(numbers)
        if number == 3:
            shown.set()
        return f"line {number}"

    async with progress.showing(line):
        progress.note("a note [not markup]")
        await shown.wait()

    lines = output.getvalue().splitlines()
    assert lines[:4] == ["a note [not markup]", "line 0", "line 1", "line 2"]
    assert "\x1b" not in output.getvalue()


async def test_progress_in_a_terminal_is_one_line_that_disappears() -> None:
    output = io.StringIO()
    progress = ProgressLine(
        Console(file=output, width=60, force_terminal=True, legacy_windows=False)
    )
    shown = asyncio.Event()

    def line() -> str:
        shown.set()
        return "how far it is"

    async with progress.showing(line):
        await shown.wait()
        await asyncio.sleep(0)
        progress.note("a note")

    said = output.getvalue()
    assert "how far it is" in said
    assert "a note\n" in said
    assert said.endswith("\x1b[1A\x1b[2K")
