"""Owns what the lines of a session description have in common: fields and bounded numbers."""

from __future__ import annotations

import re

from peer.ice_parameters import ICE_PWD, ICE_UFRAG

MAX_UINT32 = 2**32 - 1
MAX_UINT64 = 2**64 - 1

# RFC 8285 section 4.3: what a two-byte header extension can carry.
MAX_MID_LENGTH = 255
_MID = re.compile(rf"[^ ]{{1,{MAX_MID_LENGTH}}}")
_TLS_ID = re.compile(r"[A-Za-z0-9+/_-]{20,255}")


def words(text: str) -> list[str]:
    """The fields of a line, parted by spaces only: `str.split` knows many more characters."""
    return [word for word in text.split(" ") if word]


def number(text: str, low: int, high: int, name: str) -> int:
    """Read a decimal number.

    Raises:
        ValueError: It is none, or is not between `low` and `high`.
    """
    # `isascii` because str.isdigit is true of digits that no other stack writes; the length because
    # int() takes quadratic time.
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and low <= int(text) <= high):
        raise ValueError(f"the {name} is a number from {low} to {high}")
    return int(text)


def joined(*fields: str | None) -> str:
    """Fields with a space between them; those that are None are left out."""
    return " ".join(field for field in fields if field is not None)


def mid(text: str) -> str:
    """Read the identification tag of an m-section (RFC 5888 section 4).

    Raises:
        ValueError: It is not one word, or too long to travel in a header extension.
    """
    return _matched(_MID, text, f"a mid is one word of at most {MAX_MID_LENGTH} characters")


def ice_username_fragment(text: str) -> str:
    """Read a username fragment (RFC 8839 section 5.4).

    Raises:
        ValueError: It is none.
    """
    return _matched(ICE_UFRAG, text, "ice-ufrag is 4 to 256 letters, digits, `+` or `/`")


def ice_password(text: str) -> str:
    """Read a password (RFC 8839 section 5.4).

    Raises:
        ValueError: It is none.
    """
    return _matched(ICE_PWD, text, "ice-pwd is 22 to 256 letters, digits, `+` or `/`")


def tls_id(text: str) -> str:
    """Read the identity of a DTLS association (RFC 8842 section 4).

    Raises:
        ValueError: It is none.
    """
    return _matched(_TLS_ID, text, "tls-id is 20 to 255 letters, digits, `+`, `/`, `-` or `_`")


def _matched(pattern: re.Pattern[str], text: str, reason: str) -> str:
    word = text.strip(" ")
    if not pattern.fullmatch(word):
        raise ValueError(reason)
    return word
