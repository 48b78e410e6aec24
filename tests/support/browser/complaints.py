"""Filters the standard error of a program that ran with `-X dev`."""

from __future__ import annotations

import re

# asyncio reports callbacks that took the loop for 0.1 s, which on a busy machine may be any.
_BUSY = re.compile(r"Executing <.+> took \d+\.\d+ seconds")


def complaints(errors: str) -> list[str]:
    """Return the lines of standard error, without those that report a busy machine."""
    return [line for line in errors.splitlines() if not _BUSY.fullmatch(line)]
