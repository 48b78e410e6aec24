"""Programs in the guides, which tests run: each block that is marked `python run`."""

from __future__ import annotations

import re
from dataclasses import dataclass

FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A program in a guide; `line` is that of its first statement."""

    document: str
    line: int
    code: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def snippets(document: str, text: str) -> list[Snippet]:
    """Return the programs of a Markdown text that are marked `python run`."""
    return [
        Snippet(document, text.count("\n", 0, block.start("code")) + 1, block["code"])
        for block in FENCE.finditer(text)
        if block["info"].split() == ["python", "run"]
    ]
