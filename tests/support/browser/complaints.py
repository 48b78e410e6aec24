"""Owns what a program that ran with `-X dev` complained of."""

from __future__ import annotations

import re

# asyncio says so of whatever had the loop for a tenth of a second, which on a busy machine may be
# anything.
_BUSY = re.compile(r"Executing <.+> took \d+\.\d+ seconds")


def complaints(errors: str) -> list[str]:
    """The lines of its standard error, but for those that tell of a busy machine."""
    return [line for line in errors.splitlines() if not _BUSY.fullmatch(line)]
