"""Owns the named errors of sources: what could not be played, and why."""

from __future__ import annotations


class SourceError(Exception):
    """A source gives nothing, or nothing more.

    Attributes:
        where: The file or device.
        why: In words.
    """

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


class MissingError(SourceError):
    """There is no such file or device, or we may not open it."""


class UnreadableError(SourceError):
    """It is there, and it is not, or no longer, what libav can read."""


class UnpassableError(SourceError):
    """It cannot be sent without decoding: decode it."""
