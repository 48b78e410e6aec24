"""Formats times, sizes and texts of strangers for a ladder. PURE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from peer.iana_names import cipher_suite, srtp_profile
from peer.printable import printable

if TYPE_CHECKING:
    from peer.tracing.events import HandshakeCompleted

#: Most characters of one text in a row (ours).
LONGEST: Final = 400
#: Most characters of a description (ours).
LONGEST_SDP: Final = 256 * 1024
#: Eight bytes of a fingerprint: too many to find a certificate that begins like another one.
_FINGERPRINT: Final = re.compile(r"\b((?:[0-9A-F]{2}:){7}[0-9A-F]{2})(?::[0-9A-F]{2})+\b")


def clean(text: str, longest: int = LONGEST) -> str:
    """Make a text of a peer one printable line of bounded length."""
    kept = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return printable(kept)


def clean_lines(text: str, longest: int = LONGEST_SDP) -> str:
    """Make a text of several lines printable, and bound its length and that of each line."""
    return "\n".join(clean(line, longest) for line in text[:longest].splitlines())


def abbreviated(text: str) -> str:
    """Abbreviate each fingerprint in a sentence to its first eight bytes.

    >>> abbreviated("shown sha-256 " + ":".join(["AB"] * 32) + ", not that")
    'shown sha-256 AB:AB:AB:AB:AB:AB:AB:AB…, not that'
    """
    return _FINGERPRINT.sub(r"\1…", text)


def milliseconds(seconds: float) -> str:
    """Format a duration in milliseconds, or in seconds from 1 s on.

    >>> milliseconds(0.01234), milliseconds(1.5), milliseconds(75.25)
    ('12.3 ms', '1.500 s', '75.2 s')
    """
    if abs(seconds) < 0.99995:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.3f} s" if abs(seconds) < 60 else f"{seconds:.1f} s"


def tag(association: int | None) -> str:
    """Format the number of an association as the tag of a row.

    >>> tag(2), tag(None)
    ('A2', '')
    """
    return "" if association is None else f"A{association}"


def gap(seconds: float, left_out: int) -> str:
    """Word a pause, or a number of rows that were left out.

    >>> gap(2.0, 0), gap(2.0, 30)
    ('2.000 s later', '30 rows of 2.000 s left out')
    """
    if left_out:
        return f"{counted(left_out, 'row')} of {milliseconds(seconds)} left out"
    return f"{milliseconds(seconds)} later"


def counted(number: int, what: str) -> str:
    """Format a number and its noun.

    >>> counted(1, "datagram"), counted(1200, "byte")
    ('1 datagram', '1,200 bytes')
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def short(section: str) -> str:
    """Abbreviate the name of an RFC section.

    >>> short("RFC 5763 section 6.6")
    'RFC 5763 §6.6'
    """
    return section.replace(" section ", " §")


def protection(event: HandshakeCompleted) -> str:
    """Name version, cipher suite and SRTP profile of a handshake."""
    names = (
        version(event.version),
        cipher_suite(event.cipher or ""),
        srtp_profile(event.srtp_profile or ""),
    )
    return ", ".join(name for name in names if name)


def version(name: str) -> str:
    """Spell a DTLS version of OpenSSL as RFCs do.

    >>> version("DTLSv1.2")
    'DTLS 1.2'
    """
    return name.replace("DTLSv", "DTLS ")
