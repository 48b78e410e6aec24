"""Owns how times, sizes and texts of strangers are written in a ladder."""

from __future__ import annotations

import re
from typing import Final

from peer.printable import printable

#: Of one text in a row; a label of a hundred characters is long already.
LONGEST: Final = 400
#: Of a description that is kept whole.
LONGEST_SDP: Final = 256 * 1024
#: Long enough that nobody makes a certificate that begins like another one.
_FINGERPRINT: Final = re.compile(r"\b((?:[0-9A-F]{2}:){7}[0-9A-F]{2})(?::[0-9A-F]{2})+\b")


def clean(text: str, longest: int = LONGEST) -> str:
    """Make one line of a text that a peer may have chosen."""
    kept = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return printable(kept)


def clean_lines(text: str, longest: int = LONGEST_SDP) -> str:
    """The same for a text of several lines, which stay lines."""
    return "\n".join(clean(line, longest) for line in text[:longest].splitlines())


def abbreviated(text: str) -> str:
    """A sentence with the first bytes of each fingerprint in it; the whole is in the details.

    >>> abbreviated("shown sha-256 " + ":".join(["AB"] * 32) + ", not that")
    'shown sha-256 AB:AB:AB:AB:AB:AB:AB:AB…, not that'
    """
    return _FINGERPRINT.sub(r"\1…", text)


def milliseconds(seconds: float) -> str:
    """A time since the beginning, or how long something took.

    >>> milliseconds(0.01234), milliseconds(1.5), milliseconds(75.25)
    ('12.3 ms', '1.500 s', '75.2 s')
    """
    if abs(seconds) < 0.99995:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.3f} s" if abs(seconds) < 60 else f"{seconds:.1f} s"


def tag(association: int | None) -> str:
    """By which a row says what it belongs to.

    >>> tag(2), tag(None)
    ('A2', '')
    """
    return "" if association is None else f"A{association}"


def gap(seconds: float, left_out: int) -> str:
    """What is said of a time of which nothing is told.

    >>> gap(2.0, 0), gap(2.0, 30)
    ('2.000 s later', '30 rows of 2.000 s left out')
    """
    if left_out:
        return f"{counted(left_out, 'row')} of {milliseconds(seconds)} left out"
    return f"{milliseconds(seconds)} later"


def counted(number: int, what: str) -> str:
    """A number and its noun.

    >>> counted(1, "datagram"), counted(1200, "byte")
    ('1 datagram', '1,200 bytes')
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def short(section: str) -> str:
    """A section as it is written where there is little room.

    >>> short("RFC 5763 section 6.6")
    'RFC 5763 §6.6'
    """
    return section.replace(" section ", " §")


def version(name: str) -> str:
    """A version as RFCs write it, where OpenSSL does not.

    >>> version("DTLSv1.2")
    'DTLS 1.2'
    """
    return name.replace("DTLSv", "DTLS ")
