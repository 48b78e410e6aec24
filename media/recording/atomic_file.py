"""Owns `AtomicFile`: the octets of a file, which reach it whole piece by whole piece."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from media.recording.errors import UnwritableError, error_of

if sys.platform != "win32":
    import fcntl


def _no_veil(_size: int) -> bytes:
    return b""


class AtomicFile:
    """A file for FFmpeg to write, as PyAV takes it.

    What is written is kept until `commit`, and then goes out in one piece: whoever kills us finds
    a fragment, a cluster or a page whole or not at all.

    Args:
        path: The file, which is written anew, and by nobody else meanwhile.
        veil: Of how many octets a piece is, what stands at its start until all of it is there.

    Raises:
        RecordingError: It cannot be made.
    """

    def __init__(self, path: Path, veil: Callable[[int], bytes] = _no_veil) -> None:
        self._path = path
        self._veil = veil
        try:
            self._file = _own(path)
        except OSError as failure:
            raise error_of("create", path, failure) from failure
        self._kept: list[tuple[int, bytes]] = []
        self._position = 0
        self._end = 0
        self.size = 0

    def write(self, data: bytes) -> int:
        """Keep octets for the place where we are."""
        octets = bytes(data)
        self._kept.append((self._position, octets))
        self._position += len(octets)
        self._end = max(self._end, self._position)
        return len(octets)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to another place."""
        match whence:
            case os.SEEK_CUR:
                offset += self._position
            case os.SEEK_END:
                offset += self._end
            case _:
                pass
        self._position = offset
        return offset

    def tell(self) -> int:
        """The place where we are."""
        return self._position

    def commit(self) -> bytes:
        """Write what is kept, and say what of it is new at the end of the file.

        Raises:
            RecordingError: It could not be written. The file is as before.
        """
        kept, self._kept = self._kept, []
        new = io.BytesIO()
        patches = []
        for place, data in kept:
            # What FFmpeg corrects of what is out already comes when the rest is there.
            if place < self.size:
                patches.append((place, data))
            else:
                new.seek(place - self.size)
                new.write(data)
        added = new.getvalue()
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
        """Have the system put it on the medium.

        Raises:
            RecordingError: It could not.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as failure:
            raise error_of("flush", self._path, failure) from failure

    def close(self) -> None:
        """Close the file; what was not committed is lost.

        Raises:
            RecordingError: The system says only now that it could not write.
        """
        try:
            self._file.close()
        except OSError as failure:
            raise error_of("close", self._path, failure) from failure

    def _append(self, data: bytes) -> None:
        # What comes first has nothing before it that could be spoilt.
        hidden = self._veil(len(data)) if self.size else b""
        start = len(hidden)
        self._write(self.size, hidden)
        if hidden:
            # Some readers complain of what goes on beyond the end.
            os.ftruncate(self._file.fileno(), self.size + len(data))
        # The system stops between two pages when we are killed.
        self._write(self.size + start, data[start:])
        self._write(self.size, data[:start])

    def _write(self, place: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            # A disk that gets full takes a part, and refuses the rest.
            written = os.pwrite(self._file.fileno(), view, place)
            place += written
            view = view[written:]

    def _undo(self, before: list[tuple[int, bytes]]) -> None:
        """A part of a piece is of no use, and may harm."""
        # Where the medium is gone, so is the file.
        with suppress(OSError):
            os.ftruncate(self._file.fileno(), self.size)
            for place, data in reversed(before):
                self._write(place, data)


def _own(path: Path) -> io.FileIO:
    """An empty file that no other recording writes."""
    # Opened as by "w+", but for its contents: these may be another recording's.
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
    """Until it is closed. Some file systems lock nothing."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UnwritableError("create", path, why="another recording writes it") from None
    except OSError:
        """Then nobody is kept away, as before."""
