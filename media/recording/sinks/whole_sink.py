"""File of a recording that is kept in memory until it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from media.recording.errors import RecordingError
from media.recording.pieces import PieceBuffer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Bytes of a file in memory at most (ours).
MOST: Final = 256 << 20


class WholeSink(PieceBuffer):
    """Keeps a file in memory, and hands it on when it is closed; an empty one is not.

    Args:
        path: Name of the file in errors.
        deliver: Takes the whole file; may raise RecordingError.
        most: Bytes of the file at most.
    """

    is_seekable = True

    def __init__(self, path: Path, deliver: Callable[[bytes], None], *, most: int = MOST) -> None:
        super().__init__()
        self._path = path
        self._deliver = deliver
        self._most = most
        self._data = bytearray()
        self._closed = False

    @property
    def data(self) -> bytes:
        """The file so far."""
        return bytes(self._data)

    def commit(self) -> bytes:
        """Take the kept bytes into the file, and return those that were appended.

        Raises:
            RecordingError: The file would be larger than memory may hold.
        """
        added, patches = self.collect()
        if len(self._data) + len(added) > self._most:
            why = f"it would be larger than {self._most >> 20} MiB, which are kept in memory"
            raise RecordingError("continue", self._path, why=why)
        self._data += added
        for place, data in patches:
            self._data[place : place + len(data)] = data
        self.size = self._end
        return added

    def synchronise(self) -> None:
        """Do nothing, as memory is no medium."""

    def close(self) -> None:
        """Hand the file on.

        Raises:
            RecordingError: It cannot be delivered.
        """
        if self._data and not self._closed:
            self._closed = True
            self._deliver(bytes(self._data))
