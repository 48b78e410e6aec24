"""Owns `MalformedError`: that octets of a peer are not what they should be."""

from __future__ import annotations


class MalformedError(ValueError):
    """A packet, or a part of one, breaks its format; it is counted and dropped.

    Args:
        what: What is wrong, in words, without content of the packet.
        at: The octet where it was noticed, counted from the start of what was parsed.
    """

    def __init__(self, what: str, at: int = 0) -> None:
        super().__init__(f"{what} (octet {at})")
        self.what = what
        self.at = at
