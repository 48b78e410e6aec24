"""Canonical names of those who sign, and of those for whom they sign. PURE.

SIP writes one address in many ways. Signer and verifier bring it into one (RFC 8224 section 8), so
that what proxies do to it on the way does not matter.
"""

from __future__ import annotations

import re
from typing import Final

_SIP: Final = re.compile(r"sips?:(?:([^@]*)@)?(\[[^\]]*\]|[^:;?]*)", re.IGNORECASE)
_TEL: Final = re.compile(r"tel:([^;?]*)", re.IGNORECASE)
#: A number with its country code, and the signs that separate its digits (RFC 3966 section 5.1.1).
_GLOBAL_NUMBER: Final = re.compile(r"\+[.()-]*[0-9][0-9.()-]*", re.ASCII)
_SEPARATOR: Final = re.compile(r"[+.()-]")
_ESCAPE: Final = re.compile(r"%([0-9a-fA-F]{2})", re.ASCII)
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]", re.ASCII)
_NUMBER: Final = "tel:+"


def canonical(name: str) -> str:
    """Return the one form of a name that all its forms have in common.

    Of a SIP or SIPS URI user and host remain, after `sip:`. A telephone number with its country
    code becomes `tel:+` and its digits, in a SIP URI as well. Any other name, such as that of a
    room, stays as it is.

    Args:
        name: A URI, or a name that both ends know.
    """
    if tel := _TEL.match(name):
        return _number(tel[1]) if _GLOBAL_NUMBER.fullmatch(tel[1]) else name
    if not (sip := _SIP.match(name)):
        return name
    user, host = sip[1], sip[2].lower()
    if user is None:
        return f"sip:{host}"
    # No password, and no parameters of a telephone number.
    user = user.partition(":")[0].partition(";")[0]
    if _GLOBAL_NUMBER.fullmatch(user):
        return _number(user)
    return f"sip:{_ESCAPE.sub(_unescaped, user)}@{host}"


def claim(name: str) -> tuple[str, str]:
    """Return kind and value of a canonical name in a PASSporT: `tn` or `uri` (RFC 8225 5.2.1)."""
    if name.startswith(_NUMBER):
        return "tn", name.removeprefix(_NUMBER)
    return "uri", name


def name_of_number(number: str) -> str:
    """Return the canonical name of a telephone number, as a `tn` of a PASSporT has it."""
    return canonical(_NUMBER + number.removeprefix("+"))


def _number(text: str) -> str:
    return _NUMBER + _SEPARATOR.sub("", text)


def _unescaped(escape: re.Match[str]) -> str:
    """Write an escape that needs none as its character (RFC 3986 section 6.2.2.2)."""
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()
