"""Text that a stranger chose, made harmless for terminals, logs and errors. PURE."""

from __future__ import annotations

_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def printable(text: str, *, keeps: str = "") -> str:
    """Return the text with U+FFFD in place of each character that cannot be seen.

    These are escape sequences that a terminal would obey, line ends that would forge lines, and
    marks of direction that would turn a line around.

    Args:
        text: Text of any origin.
        keeps: Unprintable characters that stay as they are.
    """
    return "".join(each if each.isprintable() or each in keeps else _INSTEAD for each in text)
