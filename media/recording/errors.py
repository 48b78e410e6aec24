"""Errors of recordings, which name the operation, the file and the reason."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class RecordingError(Exception):
    """Error of a file that cannot be created or continued; its contents stay playable.

    Attributes:
        what: The operation, for example "write".
        where: The file.
        errno: The system's error number; None for an error of another origin.
    """

    def __init__(self, what: str, where: Path, errno: int | None = None, *, why: str = "") -> None:
        reason = os.strerror(errno) if errno is not None else why
        super().__init__(f"cannot {what} {where}: {reason}")
        self.what = what
        self.where = where
        self.errno = errno


class DiskFullError(RecordingError):
    """The disk is full, or a quota is reached."""


class UnwritableError(RecordingError):
    """The system refuses to write: the folder is missing, access is denied, a mount is lost."""


class UnsupportedError(RecordingError):
    """The container does not take a codec, or a frame is not one of its codec."""


class UploadError(RecordingError):
    """A part of a recording could not be handed to the callback that stores it.

    Attributes:
        offset: Place of its first byte in the file.
        kept: File that has it instead; None where it is lost.
    """

    def __init__(self, where: Path, offset: int, *, why: str, kept: Path | None) -> None:
        fate = "it is lost" if kept is None else f"it is kept in {kept}"
        super().__init__(f"upload from byte {offset}", where, why=f"{why}; {fate}")
        self.offset = offset
        self.kept = kept


class DestinationError(ValueError):
    """A recording cannot be written to a destination; the text says why, and what can."""


def error_of(what: str, where: Path, failure: OSError) -> RecordingError:
    """Make the named error for an error of the system."""
    kind = DiskFullError if failure.errno in _NO_SPACE else UnwritableError
    return kind(what, where, failure.errno, why=str(failure))


def named_error(what: str, where: Path, failure: Exception) -> RecordingError:
    """Make the named error for anything that a file-like object or a store raises."""
    if isinstance(failure, RecordingError):
        return failure
    if isinstance(failure, OSError):
        return error_of(what, where, failure)
    return UnwritableError(what, where, why=str(failure) or type(failure).__name__)
