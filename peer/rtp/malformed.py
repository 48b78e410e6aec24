"""The error of packets that break their format."""

from __future__ import annotations


class MalformedError(ValueError):
    """Raised where a packet, or a part of one, breaks its format; its reader counts and drops it.

    Args:
        what: The fault in words, without content of the packet.
        at: The byte offset of the fault in the parsed data.
    """

    def __init__(self, what: str, at: int = 0) -> None:
        super().__init__(f"{what} (octet {at})")
        self.what = what
        self.at = at
