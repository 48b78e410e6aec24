"""Owns how text that a stranger chose is made to do nothing where it is shown."""

from __future__ import annotations

_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def printable(text: str, *, keeps: str = "") -> str:
    """The text, with U+FFFD for each character that is not to be seen.

    These are escape sequences that a terminal would obey, line ends that would forge lines, and
    marks of direction that would turn a line around.

    Args:
        text: Whatever it is.
        keeps: Characters of those that stay.
    """
    return "".join(each if each.isprintable() or each in keeps else _INSTEAD for each in text)
