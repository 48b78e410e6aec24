"""Opens files that only their owner can read: keys, traces, captures and key logs are secrets."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

# Read and write for the owner.
_MODE: Final = 0o600
# Anything for the group and for all others.
_OTHERS: Final = 0o077


class ReadableByOthersError(PermissionError):
    """A file that holds a secret can be read by others than its owner.

    Attributes:
        mode: Its mode.
    """

    def __init__(self, path: str | os.PathLike[str], *, mode: int) -> None:
        super().__init__(errno.EACCES, f"others may read it: its mode is {mode:04o}", path)
        self.mode = mode


def read_owner_only(path: str | os.PathLike[str], *, limit: int) -> bytes:
    """Read a file that holds a secret.

    Args:
        path: The file; a symbolic link is followed.
        limit: Largest size that is of use, in bytes: one byte more is read at most.

    Raises:
        ReadableByOthersError: Others than its owner may read or write it.
        OSError: It cannot be read.
    """
    with Path(path).open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        # Elsewhere modes say nothing of who may read.
        if os.name == "posix" and mode & _OTHERS:
            raise ReadableByOthersError(path, mode=mode)
        return file.read(limit + 1)


def create_owner_only(path: str | os.PathLike[str], *, buffering: int) -> BinaryIO:
    """Create a file, or empty the one that is there, for writing by its owner alone.

    Args:
        path: The file.
        buffering: As for `open`; 0 for none.

    Raises:
        OSError: As for `owner_only`; a file that is refused is not emptied.
    """
    return open(path, "wb", buffering=buffering, opener=owner_only)


def owner_only(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file for writing, created with mode 0600 under any umask; an `opener` for `open`.

    Args:
        path: The file; a symbolic link is not followed, as another may have put it there.
        flags: As for `os.open`; the file is created where it does not exist.

    Returns:
        The file descriptor.

    Raises:
        OSError: The file cannot be opened, is a symbolic link or no regular file, belongs to
            another user, or others may read or write it. Nothing has changed.
    """
    # Neither emptied before it is known to be ours, nor waited for should it be a pipe.
    safe = (flags & ~(os.O_CREAT | os.O_TRUNC)) | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, safe | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        return _open_ours(path, safe, empty=bool(flags & os.O_TRUNC))
    os.fchmod(descriptor, _MODE)
    return descriptor


def _open_ours(path: str | os.PathLike[str], flags: int, *, empty: bool) -> int:
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _refusal(path, "it is a symbolic link") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _refusal(path, "it is no regular file")
        if found.st_uid != os.geteuid():
            raise _refusal(path, "it belongs to another user")
        mode = stat.S_IMODE(found.st_mode)
        if mode & _OTHERS:
            raise _refusal(path, f"others may read or write it: its mode is {mode:04o}, not 0600")
        if empty:
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _refusal(path: str | os.PathLike[str], reason: str) -> PermissionError:
    return PermissionError(errno.EACCES, reason, os.fspath(path))
