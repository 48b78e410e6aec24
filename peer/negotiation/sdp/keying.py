"""Lines by which a description shows a key management of SRTP, of any kind. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.negotiation.sdp.lines import Line

#: Attributes by which a description shows a key management: DTLS-SRTP (RFC 5763), SDES (RFC 4568),
#: ZRTP (RFC 6189), MIKEY and others (RFC 4567), and signed fingerprints (RFC 8827). Without these
#: `a=tls-id` is no sign of one: rtpengine passes that of one leg on to another, which is plain RTP.
_KEYING_ATTRIBUTES = frozenset(
    {"fingerprint", "setup", "identity", "crypto", "zrtp-hash", "key-mgmt"}
)


def shows_keys(line: Line) -> bool:
    """Tell whether a line shows a key management, or a profile of RTP that means encryption.

    A potential configuration with keys counts as well (RFC 5939).
    """
    match line.type:
        case "m":
            return "SAVP" in line.value
        case "k":
            return True
        case "a":
            return _attribute_shows_keys((line.name or "").strip(" "), argument=line.argument)
        case _:
            return False


def shows_fingerprint(line: Line) -> bool:
    """Tell whether a line shows a certificate, a potential configuration with one included."""
    match (line.name or "").strip(" "):
        case "fingerprint":
            return True
        case "acap":
            return _capability(line.argument) == "fingerprint"
        case _:
            return False


def _capability(argument: str) -> str:
    """Name the attribute of an `a=acap` (RFC 5939 section 3.3.1: a number, then the attribute)."""
    attribute = argument.strip(" ").partition(" ")[2].partition(":")[0]
    return attribute.strip(" ")


def _attribute_shows_keys(name: str, *, argument: str) -> bool:
    if name in _KEYING_ATTRIBUTES:
        return True
    match name:
        case "tcap":
            return "SAVP" in argument
        case "acap":
            return _capability(argument) in _KEYING_ATTRIBUTES
        case _:
            return False
