"""Text for terminals, logs and errors: a stranger's made harmless, secrets left out. PURE."""

from __future__ import annotations

import re

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


#: The lines of SDP that hold a secret: ICE passwords, and keys of SDES (RFC 4568).
_SECRET_LINES = re.compile(r"^(a=ice-pwd:|a=crypto:\S+ \S+ ).*?(\r?)$", re.MULTILINE)


def without_secrets(sdp: str) -> str:
    """Return a description with its ICE passwords and SDES keys left out."""
    return _SECRET_LINES.sub(r"\1...\2", sdp)
