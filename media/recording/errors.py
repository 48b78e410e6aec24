"""Owns `RecordingError`: what a recording could not do, to what file, and why."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class RecordingError(Exception):
    """A file could not be made or gone on with; what it held before stays good.

    Attributes:
        what: What was being done, for example "write".
        where: The file.
        errno: Of the system; None where it had no part in it.
    """

    def __init__(self, what: str, where: Path, errno: int | None = None, why: str = "") -> None:
        reason = os.strerror(errno) if errno is not None else why
        super().__init__(f"cannot {what} {where}: {reason}")
        self.what = what
        self.where = where
        self.errno = errno


class DiskFullError(RecordingError):
    """There is no room left, or not for us."""


class UnwritableError(RecordingError):
    """The system refused for another reason: no such folder, no right, a lost mount."""


class UnsupportedError(RecordingError):
    """The container cannot hold this: a codec, or a frame that is none of its codec."""


def error_of(what: str, where: Path, failure: OSError) -> RecordingError:
    """The named error for one of the system."""
    kind = DiskFullError if failure.errno in _NO_SPACE else UnwritableError
    return kind(what, where, failure.errno, str(failure))
