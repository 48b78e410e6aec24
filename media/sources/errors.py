"""Errors of sources, which name the file or device and the reason."""

from __future__ import annotations


class SourceError(Exception):
    """Error of a source that gives nothing, or nothing more.

    Attributes:
        where: The file or device.
        why: The reason in words.
    """

    def __init__(self, where: str, *, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


class MissingError(SourceError):
    """The file or device does not exist, or access is denied."""


class UnreadableError(SourceError):
    """The file or device exists, and libav cannot read it, or not any more."""


class UnpassableError(SourceError):
    """The stream cannot be sent without being decoded."""


class LiveError(SourceError):
    """The source is live: it has no length and cannot be opened twice. `LiveSource` plays it."""
