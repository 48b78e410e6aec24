"""File to which whole pieces are appended: a killed process leaves each piece whole or hidden.

A piece is written behind a placeholder that readers skip (EBML Void, MP4 free), which is replaced
last.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import assert_never

from media.recording.containers import Container
from media.recording.errors import UnwritableError, error_of
from media.recording.pieces import PieceBuffer

if sys.platform != "win32":
    import fcntl


#: Start of an EBML Void element with a size of seven bytes (RFC 8794 section 11.3.2).
_VOID = b"\xec\x01"
#: Bytes of the header of that element.
_VOID_SIZE = 9


def placeholder(container: Container, size: int) -> bytes:
    """Return the header of an element that hides a piece of so many bytes from readers.

    A piece is some whole boxes, elements or pages. Nothing is returned for one too small to hide.
    """
    if size < _VOID_SIZE:
        return b""
    match container:
        case Container.MP4 | Container.HLS:
            # ISO/IEC 14496-12 section 8.1.2: free space.
            return size.to_bytes(4, "big") + b"free"
        case Container.WEBM | Container.MATROSKA:
            return _VOID + (size - _VOID_SIZE).to_bytes(_VOID_SIZE - len(_VOID), "big")
        case Container.OGG:
            # RFC 3533 section 6: readers look for the next capture pattern.
            return b"\x00" * 4
        case _:
            assert_never(container)


def _no_placeholder(_size: int) -> bytes:
    return b""


class AtomicFile(PieceBuffer):
    """File object for PyAV that writes in whole pieces.

    Written data is kept until `commit`, which appends it in one piece: a process that is killed
    leaves a fragment, a cluster or a page whole, or none of it.

    Args:
        path: The file, which is overwritten, and locked against other recordings.
        placeholder_of: Returns the header that hides a piece of so many bytes while it is written.

    Attributes:
        size: Bytes on disk.
        is_seekable: True, as what is on disk can be corrected.

    Raises:
        RecordingError: The file cannot be created.
    """

    is_seekable = True

    def __init__(
        self, path: Path, placeholder_of: Callable[[int], bytes] = _no_placeholder
    ) -> None:
        self._path = path
        self._placeholder_of = placeholder_of
        super().__init__()
        try:
            self._file = _own(path)
        except OSError as failure:
            raise error_of("create", path, failure) from failure

    def commit(self) -> bytes:
        """Write the kept bytes, and return those that were appended to the file.

        Raises:
            RecordingError: The bytes cannot be written, and the file is as before; or it was
                deleted, so that nobody would ever find them.
        """
        # A file that was renamed still has a name.
        if not os.fstat(self._file.fileno()).st_nlink:
            raise UnwritableError("write", self._path, why="the file was deleted")
        added, patches = self.collect()
        before: list[tuple[int, bytes]] = []
        try:
            self._append(added)
            for place, data in patches:
                before.append(
                    (place, os.pread(self._file.fileno(), min(len(data), self.size - place), place))
                )
                self._write(place, data)
        except OSError as failure:
            self._undo(before)
            raise error_of("write", self._path, failure) from failure
        self.size = self._end
        return added

    def synchronise(self) -> None:
        """Have the system write the file to the medium (fsync).

        Raises:
            RecordingError: The system cannot write it.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as failure:
            raise error_of("flush", self._path, failure) from failure

    def close(self) -> None:
        """Close the file without the bytes that were not committed; without any it is deleted.

        Raises:
            RecordingError: The system says only now that it could not write.
        """
        if not self.size and not self._file.closed:
            # Or a disk that is full for a day would be full of empty files.
            self._remove()
        try:
            self._file.close()
        except OSError as failure:
            raise error_of("close", self._path, failure) from failure

    def _remove(self) -> None:
        """Delete the file, unless it is a device, or another one has its name by now."""
        with suppress(OSError):
            ours, named = os.fstat(self._file.fileno()), self._path.lstat()
            if stat.S_ISREG(named.st_mode) and os.path.samestat(ours, named):
                self._path.unlink()

    def _append(self, data: bytes) -> None:
        # The first piece has none before it that could be spoilt.
        hidden = self._placeholder_of(len(data)) if self.size else b""
        start = len(hidden)
        self._write(self.size, hidden)
        if hidden:
            # Some readers complain of an element that ends beyond the file.
            os.ftruncate(self._file.fileno(), self.size + len(data))
        # The kernel stops between two pages when the process is killed.
        self._write(self.size + start, data[start:])
        self._write(self.size, data[:start])

    def _write(self, place: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            # A disk that gets full takes a part and refuses the rest.
            written = os.pwrite(self._file.fileno(), view, place)
            place += written
            view = view[written:]

    def _undo(self, before: list[tuple[int, bytes]]) -> None:
        """Remove a partial piece, which is of no use and may harm."""
        # Where the medium is gone, so is the file.
        with suppress(OSError):
            os.ftruncate(self._file.fileno(), self.size)
            for place, data in reversed(before):
                self._write(place, data)


def _own(path: Path) -> io.FileIO:
    """Open an empty file that no other recording writes."""
    # Opened as by "w+", but not truncated yet: another recording may write it.
    file = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
    try:
        _lock(file, path)
        # Devices cannot be cut, and are empty.
        if os.fstat(file.fileno()).st_size:
            file.truncate(0)
    except BaseException:
        file.close()
        raise
    return file


def _lock(file: io.FileIO, path: Path) -> None:
    """Lock a file until it is closed; some file systems lock nothing."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UnwritableError("create", path, why="another recording writes it") from None
    except OSError:
        """Without locks on this file system, nobody is kept away."""
