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


#: The lines of SDP that hold a key of media: those of SDES (RFC 4568), in a potential configuration
#: too (RFC 5939), and of old (RFC 8866 section 5.12). The tag and the suite of SDES are shown.
_KEY_LINES = r"a=(?:acap:[ \t]*\d+[ \t]+)?crypto:(?:[ \t]*\d+[ \t]+[A-Z0-9_]+[ \t]+)?|k="
_MEDIA_KEYS = re.compile(rf"^({_KEY_LINES}).*?(\r?)$", re.MULTILINE)
#: Those, and ICE passwords.
_SECRET_LINES = re.compile(rf"^(a=ice-pwd:|{_KEY_LINES}).*?(\r?)$", re.MULTILINE)


def without_secrets(sdp: str) -> str:
    """Return a description, or a line of one, with its ICE passwords and media keys left out."""
    return _SECRET_LINES.sub(r"\1...\2", sdp)


def without_media_keys(sdp: str) -> str:
    """Return a description with its media keys left out, which decrypt all that was ever sent."""
    return _MEDIA_KEYS.sub(r"\1...\2", sdp) if "crypto:" in sdp or "k=" in sdp else sdp
