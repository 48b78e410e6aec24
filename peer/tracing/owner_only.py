"""Opens files that only their owner can read: traces, captures and key logs hold secrets."""

from __future__ import annotations

import os
from typing import BinaryIO


def create_owner_only(path: str | os.PathLike[str], *, buffering: int) -> BinaryIO:
    """Create a file, or empty the one that is there, for writing by its owner alone.

    Args:
        path: The file.
        buffering: As for `open`; 0 for none.

    Raises:
        OSError: The file cannot be written.
    """
    return open(path, "wb", buffering=buffering, opener=owner_only)


def owner_only(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file, created with mode 0600 under any umask; an `opener` for `open`.

    Args:
        path: The file.
        flags: As for `os.open`.

    Returns:
        The file descriptor.

    Raises:
        OSError: The file cannot be opened.
    """
    return os.open(path, flags, 0o600)
