"""A folder for the recordings of one run of the server; what a killed one has left is deleted."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = "handfast-recordings-"
_LOCK: Final = "lock"


@contextlib.contextmanager
def run_folder(parent: Path) -> Iterator[Path]:
    """Make a folder that nobody else can read, and delete it with all that is in it at the end.

    Folders of other runs are deleted where nobody holds them any more: their server was killed.

    Args:
        parent: Folder that may hold those of several servers.

    Raises:
        OSError: It cannot be made.
    """
    for former in parent.glob(f"{_PREFIX}*"):
        _delete_unless_held(former)
    path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    try:
        with _held(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    made = path / f"{_LOCK}-{os.getpid()}"
    lock = os.open(made, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(lock)
        # Never there without being held, as another server may look at this moment.
        made.rename(path / _LOCK)
        yield
    finally:
        os.close(lock)


def _lock(lock: int) -> None:
    # Only where it is needed: the module is not there on every system.
    import fcntl

    # The kernel lets go of it with the process, however that ends.
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _delete_unless_held(former: Path) -> None:
    # Without its lock it is about to be made, or nobody's of ours.
    with contextlib.suppress(OSError):
        lock = os.open(former / _LOCK, os.O_RDWR)
        try:
            _lock(lock)
            shutil.rmtree(former)
        finally:
            os.close(lock)
