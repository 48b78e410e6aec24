"""What strangers sent does nothing to the terminal that it is shown on."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.text import Text

from handfast.console import Console
from handfast.progress import ProgressLine

NASTY = "al\x1b[2J\x1b]0;title\x07\x9b1A\r\u202eice"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("what", [NASTY, Text(NASTY)])
def test_control_characters_are_shown_and_do_nothing(what: str | Text, terminal: bool) -> None:
    output = io.StringIO()
    console = Console(file=output, width=80, force_terminal=terminal, legacy_windows=False)
    console.print(what, "came.")
    for each in "\x1b\x07\x9b\u202e":
        assert each not in output.getvalue()
    assert output.getvalue().startswith("al\ufffd[2J\ufffd]0;title")


async def test_control_characters_in_the_progress_line_do_nothing() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80, force_terminal=True, legacy_windows=False)
    shown = asyncio.Event()

    def line() -> str:
        shown.set()
        return NASTY

    async with ProgressLine(console).showing(line):
        await shown.wait()
        await asyncio.sleep(0)

    assert "\x1b[2J" not in output.getvalue()
    assert "\x1b]" not in output.getvalue()
    # Rich's own, which take the line away again.
    assert output.getvalue().endswith("\x1b[1A\x1b[2K")


def test_styles_letters_and_lines_stay() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80, force_terminal=True, color_system="standard")
    console.print(Text.assemble(("error: ", "red"), "Zoë ⇄ 日本\nnew\tline"))
    assert output.getvalue().startswith("\x1b[31merror: \x1b[0mZoë ⇄ 日本\nnew")


@pytest.mark.parametrize("name", ["AB", "CD", "smile"])
def test_pairs_of_a_fingerprint_are_no_pictures(name: str) -> None:
    output = io.StringIO()
    Console(file=output, width=80).print(f"sha-256 01:{name}:02")
    assert output.getvalue() == f"sha-256 01:{name}:02\n"
